"""The plug-ins that MLflow's server runs with: store, tracking, artifacts and app, each with towpath's rules inside.

`towpath server` and `towpath ui` start them. Beside the MLflow door, this package alone imports MLflow.
"""
