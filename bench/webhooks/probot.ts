/** A stock Probot app with an empty handler. Arguments: port, `middleware` or `server`. */
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import process from "node:process";
import { createNodeMiddleware, createProbot, Probot, Server } from "probot";
import { SECRET } from "./order.ts";

const [port = "0", how = "middleware"] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const options = { appId: 1, privateKey, secret: SECRET };
const app = (probot: Probot): void => {
  probot.on("issues.labeled", () => {});
};

if (how === "middleware") {
  const middleware = await createNodeMiddleware(app, {
    probot: createProbot({ env: {}, overrides: options }),
  });
  createServer((request, response) => void middleware(request, response)).listen(
    Number(port),
    "127.0.0.1",
  );
} else {
  const server = new Server({
    port: Number(port),
    host: "127.0.0.1",
    Probot: Probot.defaults(options),
  });
  await server.load(app);
  await server.start();
}
