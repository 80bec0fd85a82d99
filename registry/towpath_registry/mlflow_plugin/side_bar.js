// Runs before MLflow's own scripts: the pages of model training first, no assistant, nothing sent to MLflow's makers,
// and in the side bar a way to the promotions.
(() => {
  "use strict";
  const HERE = "/towpath/";
  const GATE = "M2 2h1.5v12H2zM12.5 2H14v12h-1.5zM8 3l3.5 4H9v6H7V7H4.5z";
  const first = { "mlflow.workflowType_v1": '"machine_learning"' };
  const always = {
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    "mlflow.assistant.panelOpen_v1": "false",
    "mlflow.settings.telemetry.enabled_v1": "false",
    "mlflow.telemetry.info.alert.dismissed_v1": "true",
    "_mlflow_model_registry_promo_modal_dismissed_v1": "true",
  };
  try {
    for (const [key, value] of Object.entries(always)) localStorage.setItem(key, value);
    for (const [key, value] of Object.entries(first)) {
      if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
    }
  } catch {
    // a browser that keeps nothing shows MLflow as it comes
  }

  const style = document.createElement("style");
  style.textContent = "[data-assistant-ui] { display: none !important; }";
  document.head.append(style);

  const texts = (node) => {
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) if (walker.currentNode.data.trim()) found.push(walker.currentNode);
    return found;
  };

  // A copy of one of MLflow's own links, so that it looks like them in light and dark, wide and narrow.
  const put = () => {
    const links = [...document.querySelectorAll('aside a[href="#/models"], aside a[href="#/experiments"]')];
    const last = links.at(-1)?.closest("li");
    const model = links.find((link) => !link.hasAttribute("aria-current"))?.closest("li");
    const old = document.querySelector(`aside a[href="${HERE}"]`)?.closest("li");
    if (!last || !model) return;
    const like = `${model.querySelector("a").className} ${texts(model).length}`;
    if (old && old.dataset.like === like && last.nextSibling === old) return;
    const item = model.cloneNode(true);
    const link = item.querySelector("a");
    item.dataset.like = like;
    link.href = HERE;
    link.title = "Promotions";
    texts(link).forEach((text, place) => (text.data = place ? "" : "Promotions"));
    const icon = link.querySelector("svg");
    if (icon) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("fill", "currentColor");
      path.setAttribute("d", GATE);
      icon.replaceChildren(path);
    }
    old?.remove();
    last.after(item);
  };

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      put();
    });
  };
  new MutationObserver(soon).observe(document.documentElement, { childList: true, subtree: true });
})();
