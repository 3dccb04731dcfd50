import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./design/tokens.css";
import "./design/base.css";

import { mount } from "svelte";

import { pickBackend } from "./api/pick";
import App from "./App.svelte";

const target = document.getElementById("app");
if (target !== null) mount(App, { target, props: { backend: await pickBackend() } });
