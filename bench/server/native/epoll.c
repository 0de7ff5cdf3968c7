/* An echo server on epoll: the least that a machine has to do. One thread for
 * each CPU, each with an epoll set of its own, level-triggered; the main
 * thread accepts and deals connections out in turn.
 *
 * usage: epoll ADDRESS:PORT THREADS BUFFER
 * It ends when its standard input does. */
#include "common.h"

static int sets[MAX_THREADS];

static void echo(int fd, char *buf)
{
	ssize_t n = read(fd, buf, buffer_size);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(fd);
		return;
	}
	for (ssize_t at = 0; at < n;) {
		ssize_t w = write(fd, buf + at, n - at);
		if (w >= 0) {
			at += w;
		} else if (errno == EAGAIN) {
			struct pollfd room = {.fd = fd, .events = POLLOUT};
			poll(&room, 1, -1);
		} else if (errno != EINTR) {
			close(fd);
			return;
		}
	}
}

static void *loop(void *arg)
{
	int set = *(int *)arg;
	char *buf = malloc(buffer_size);
	struct epoll_event events[1024];
	if (!buf)
		die("malloc");
	for (;;) {
		int n = epoll_wait(set, events, 1024, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++)
			echo(events[i].data.fd, buf);
	}
	return NULL;
}

static void deal(int fd, int to)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(sets[to], EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

int main(int argc, char **argv)
{
	int listener = begin(argc, argv);
	for (int i = 0; i < threads; i++) {
		if ((sets[i] = epoll_create1(EPOLL_CLOEXEC)) < 0)
			die("epoll_create1");
		spawn(loop, &sets[i]);
	}
	accept_all(listener, SOCK_NONBLOCK, deal);
}
