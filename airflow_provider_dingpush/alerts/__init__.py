"""What an alert is and how it reads: facts of a callback, the alert that is written down, the messages of it."""
