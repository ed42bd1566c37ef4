import { testDiscovery } from "../testing/conformance.ts";
import { startKubernetesDriver } from "./testing/kubernetes-driver.ts";

testDiscovery("kubernetes", startKubernetesDriver);
