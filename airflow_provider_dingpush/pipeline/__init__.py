"""From an Airflow callback to a sent message: the package that joins the others."""
