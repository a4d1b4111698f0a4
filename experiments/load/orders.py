"""The load on the orders service: place orders, and read back the last one that was acknowledged."""

from uuid import uuid4

from locust import FastHttpUser, constant_pacing, task


class Customer(FastHttpUser):
    """Ten requests a second, each given up after a second."""

    wait_time = constant_pacing(0.1)
    network_timeout = 1.0
    connection_timeout = 1.0
    last_order = ""

    @task
    def place_order(self) -> None:
        """Place an order with an id that nobody else uses."""
        order = uuid4().hex
        with self.client.post(
            "/orders", json={"id": order, "payload": order * 2}, name="/orders", catch_response=True
        ) as response:
            if response.status_code == 201:
                self.last_order = order
            else:
                response.failure(f"not created: status {response.status_code}")

    @task
    def read_order(self) -> None:
        """Read the last acknowledged order: a customer whose order is gone sees an error."""
        if self.last_order:
            self.client.get(f"/orders/{self.last_order}", name="/orders/{id}")
