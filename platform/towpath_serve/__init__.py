"""What ships inside an image: one model's predictions, and the server that answers with them."""
