"""The page in Airflow's UI: what was read, as HTML. Only the web server of Airflow loads this."""
