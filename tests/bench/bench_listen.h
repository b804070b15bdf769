/*
 * What the two yardstick servers share: listen on loopback, say where, run until a signal.
 */
#ifndef BENCH_LISTEN_H
#define BENCH_LISTEN_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <uv.h>

/* Listens on 127.0.0.1:port (0: any free port), prints `listening on 127.0.0.1:PORT` and serves for ever:
 * SIGTERM ends the process. Returns an exit status when it cannot listen. */
static inline int bench_serve(int port, uv_connection_cb on_connection)
{
    uv_tcp_t listener;
    struct sockaddr_in at;
    int size = sizeof at, err;

    signal(SIGPIPE, SIG_IGN);
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", port, &at);
    err = uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0);
    if (err == 0)
        err = uv_listen((uv_stream_t *)&listener, 4096, on_connection);
    if (err == 0)
        err = uv_tcp_getsockname(&listener, (struct sockaddr *)&at, &size);
    if (err != 0) {
        fprintf(stderr, "cannot listen on 127.0.0.1:%d: %s\n", port, uv_strerror(err));
        return 1;
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

#endif
