/* What both servers in C begin with: their arguments, the listening socket,
 * and accepting. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_THREADS 64

static int threads;
static size_t buffer_size;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void spawn(void *(*body)(void *), void *arg)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, body, arg) != 0)
		die("pthread_create");
}

static void *until_stdin_ends(void *unused)
{
	char c;
	while (read(0, &c, 1) > 0)
		;
	exit(0);
	return unused;
}

/* begin reads the arguments, allows as many descriptors as there may be, and
 * returns the listening socket. */
static int begin(int argc, char **argv)
{
	char *colon = argc == 4 ? strrchr(argv[1], ':') : NULL;
	struct sockaddr_in addr = {.sin_family = AF_INET};
	struct rlimit limit;
	int on = 1, fd;

	if (!colon) {
		fprintf(stderr, "usage: %s ADDRESS:PORT THREADS BUFFER\n", argv[0]);
		exit(1);
	}
	*colon = 0;
	addr.sin_port = htons(atoi(colon + 1));
	threads = atoi(argv[2]);
	buffer_size = atoi(argv[3]);
	if (inet_pton(AF_INET, argv[1], &addr.sin_addr) != 1 || threads < 1 || threads > MAX_THREADS || buffer_size < 1) {
		fprintf(stderr, "%s: bad arguments\n", argv[0]);
		exit(1);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		die("setsockopt");
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("bind");
	if (listen(fd, 4096) < 0)
		die("listen");
	spawn(until_stdin_ends, NULL);
	return fd;
}

/* accept_all gives every connection to a thread, in turn. Connections inherit
 * TCP_NODELAY from the listening socket. */
static void accept_all(int listener, int flags, void (*deal)(int fd, int to))
{
	for (int to = 0;; to = (to + 1) % threads) {
		int fd = accept4(listener, NULL, NULL, flags | SOCK_CLOEXEC);
		if (fd >= 0)
			deal(fd, to);
		else if (errno != ECONNABORTED && errno != EINTR)
			die("accept4");
	}
}
