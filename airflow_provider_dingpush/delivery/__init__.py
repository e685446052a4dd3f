"""Whether and when an alert is sent: written down first, sent by one process for all, merged when there are many."""
