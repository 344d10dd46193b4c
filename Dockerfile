# Kyso in one container, set up by the same script as everywhere else. Its steps were followed in an empty Debian 12;
# no container engine has built it yet.
#
#   docker build -t kyso .
#   docker run --init -v kyso:/var/lib/kyso kyso sandbox init --dir /var/lib/kyso
#   docker run --init -v kyso:/var/lib/kyso --network host kyso
#
# It starts as root so that each process drops to a numeric user of its own (src/processes/users.ts); these need no
# entry in /etc/passwd. Under `--user` everything runs as that one user, in tier "development".

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
RUN scripts/setup serve && rm -rf /var/lib/apt/lists/*
VOLUME /var/lib/kyso
ENTRYPOINT ["/opt/kyso/scripts/kyso"]
CMD ["serve", "--dir", "/var/lib/kyso"]
