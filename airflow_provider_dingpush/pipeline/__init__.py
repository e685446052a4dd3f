"""From an Airflow callback to a message that is sent: joins the other packages."""
