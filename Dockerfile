# The service alone: no build step, Node runs the TypeScript as it is.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY migrations migrations
COPY config config
COPY gen gen
COPY verdict verdict
COPY src src
COPY keys keys
RUN mkdir /keys /compiled && chown node /keys /compiled
USER node
# Compiled once, here: a start is half a second of CPU shorter. Without a configuration the process ends by itself, with 2.
ENV NODE_COMPILE_CACHE=/compiled
RUN node src/main.ts; test $? -eq 2
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const { TLS_CERT_FILE: tls, PORT = 8080 } = process.env; if (tls) process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; fetch(`http${tls ? 's' : ''}://127.0.0.1:${PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
