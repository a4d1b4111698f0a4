"""The embedded systems that demos and tests break: real servers, on this host, gone afterwards."""
