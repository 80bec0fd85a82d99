// Runs before MLflow's own scripts: the pages of model training, no assistant, and a way to the promotions.
(() => {
  const usual = {
    "mlflow.workflowType_v1": '"machine_learning"',
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
    "_mlflow_model_registry_promo_modal_dismissed": "true",
  };
  try {
    for (const [key, value] of Object.entries(usual)) {
      if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
    }
  } catch {
    // a browser that keeps nothing shows MLflow as it comes
  }
})();
