"""Where pending alerts wait: what a store must offer, the stores that there are, and the outbox built on them."""
