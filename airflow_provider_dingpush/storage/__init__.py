"""Where alerts wait: what a store must offer, and the stores that there are."""
