from locust import HttpUser, task


class Customer(HttpUser):
    @task
    def order(self) -> None:
        self.client.get("/")
