# One image for all of Kyso, set up by the same script as everywhere else. The command says what a container is:
#
#   api | signer | ca | notify   one process, alone (scripts/deploy/compose.yaml: four containers that share only sockets)
#   serve                        all of them in one container, to try Kyso out (the default)
#
#   docker build -t kyso .
#   docker run --rm -v kyso:/var/lib/kyso kyso sandbox init --dir /var/lib/kyso
#   docker run --init -v kyso:/var/lib/kyso --network host kyso
#
# It runs as a user without rights and a name; `serve` is then of tier "development". docs/operations.md says how it
# gets users of its own.

FROM debian:bookworm-slim AS modules
WORKDIR /opt/kyso
COPY package.json package-lock.json .npmrc ./
COPY scripts scripts
RUN scripts/setup serve

FROM debian:bookworm-slim
WORKDIR /opt/kyso
COPY . .
COPY --from=modules /opt/kyso/.node .node
COPY --from=modules /opt/kyso/node_modules node_modules
# Node and the modules are there: only what the server itself needs is installed, and no compiler.
RUN scripts/setup serve && rm -rf /var/lib/apt/lists/* && install -d -o 64210 -g 64210 /var/lib/kyso
USER 64210:64210
VOLUME /var/lib/kyso
ENTRYPOINT ["/opt/kyso/scripts/kyso"]
CMD ["serve", "--dir", "/var/lib/kyso"]
