"""What is late or unanswered, decided from what is known. Nothing here reads a clock, a file or Airflow."""
