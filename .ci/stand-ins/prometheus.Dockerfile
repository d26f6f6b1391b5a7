# The public prom/prometheus image's name, paths and user, from Debian's package (.ci/stand-in says when and why).
ARG BASE=debian:bookworm-slim
FROM ${BASE}
LABEL touchstone.stand-in="true"
RUN apt-get update \
    && apt-get install -y --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* /etc/prometheus/* \
    && mkdir -p /prometheus && chown -R nobody:nogroup /prometheus /etc/prometheus \
    && test -x /bin/prometheus && test -x /bin/promtool
USER nobody
VOLUME /prometheus
WORKDIR /prometheus
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
