# The image is the program alone: one static binary, the certificates that https sources need, and no shell.
#
#   docker build -t landings:0.1.0 .
#   docker run --rm landings:0.1.0 version                # words after the image replace "serve"
#   docker run -p 127.0.0.1:5000:5000 -e LANDINGS_REDIS=redis://host:6379/0 landings:0.1.0

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY VERSION ./
COPY cmd ./cmd
COPY internal ./internal
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(cat VERSION)" -o /out/landings ./cmd/landings

FROM scratch
LABEL org.opencontainers.image.title="landings" \
      org.opencontainers.image.description="Publishes a dataset as a live, durable HTTP API, kept in Redis" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/landings /landings
# Inside a container only published ports can be reached, so all interfaces is no wider than the -p of docker run.
ENV LANDINGS_LISTEN=0.0.0.0:5000
# config.yaml is looked for in the working directory: mount it as /config.yaml.
WORKDIR /
USER 1000:1000
EXPOSE 5000
ENTRYPOINT ["/landings"]
CMD ["serve"]
