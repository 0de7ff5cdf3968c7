/* An echo server on io_uring: one thread and one ring for each CPU. A
 * connection has one operation on its way at any time, a receive into a buffer
 * that the kernel picks when there is data (so idle connections have none), or
 * the send of that buffer. Needs Linux 6.1 and liburing.
 *
 * usage: uring ADDRESS:PORT THREADS BUFFER
 * It ends when its standard input does. */
#include "common.h"
#include <liburing.h>

#define BUFFERS 4096 /* of a ring, a power of two */
#define ENTRIES 4096

/* What an operation's user data says: its kind, the buffer, the descriptor. */
enum kind { NEW, RECV, SEND };

struct ring {
	struct io_uring uring;
	struct io_uring_buf_ring *free; /* buffers for the kernel to pick from */
	char *memory;
	int pipe[2]; /* brings new connections */
	int fresh;   /* one of them */
	struct part {
		unsigned at, size;
	} parts[BUFFERS]; /* what is to be sent of each buffer */
	int *waiting, waits, room; /* connections that found no buffer free */
};

static struct ring rings[MAX_THREADS];

static void check(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-result));
		exit(1);
	}
}

static struct io_uring_sqe *entry(struct ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
	if (!sqe) {
		check(io_uring_submit(&r->uring), "io_uring_submit");
		sqe = io_uring_get_sqe(&r->uring);
	}
	return sqe;
}

static void label(struct io_uring_sqe *sqe, enum kind kind, unsigned buffer, int fd)
{
	io_uring_sqe_set_data64(sqe, (unsigned long long)kind << 56 | (unsigned long long)buffer << 32 | (unsigned)fd);
}

static void await_connection(struct ring *r)
{
	struct io_uring_sqe *sqe = entry(r);
	io_uring_prep_read(sqe, r->pipe[0], &r->fresh, sizeof r->fresh, 0);
	label(sqe, NEW, 0, 0);
}

static void receive(struct ring *r, int fd)
{
	struct io_uring_sqe *sqe = entry(r);
	io_uring_prep_recv(sqe, fd, NULL, buffer_size, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	label(sqe, RECV, 0, fd);
}

static void transmit(struct ring *r, unsigned buffer, int fd)
{
	struct part *part = &r->parts[buffer];
	struct io_uring_sqe *sqe = entry(r);
	io_uring_prep_send(sqe, fd, r->memory + buffer * buffer_size + part->at, part->size - part->at, MSG_NOSIGNAL);
	label(sqe, SEND, buffer, fd);
}

static void give_back(struct ring *r, unsigned buffer)
{
	io_uring_buf_ring_add(r->free, r->memory + buffer * buffer_size, buffer_size, buffer, BUFFERS - 1, 0);
	io_uring_buf_ring_advance(r->free, 1);
	if (r->waits > 0)
		receive(r, r->waiting[--r->waits]);
}

static void wait_for_buffer(struct ring *r, int fd)
{
	if (r->waits == r->room) {
		r->room = r->room ? 2 * r->room : 1024;
		if (!(r->waiting = realloc(r->waiting, r->room * sizeof *r->waiting)))
			die("realloc");
	}
	r->waiting[r->waits++] = fd;
}

static void received(struct ring *r, struct io_uring_cqe *cqe, int fd)
{
	unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	if (cqe->res == -ENOBUFS) {
		wait_for_buffer(r, fd);
		return;
	}
	if (cqe->res <= 0) {
		if (cqe->flags & IORING_CQE_F_BUFFER)
			give_back(r, buffer);
		close(fd);
		return;
	}
	r->parts[buffer] = (struct part){0, cqe->res};
	transmit(r, buffer, fd);
}

static void sent(struct ring *r, struct io_uring_cqe *cqe, unsigned buffer, int fd)
{
	struct part *part = &r->parts[buffer];
	if (cqe->res < 0) {
		give_back(r, buffer);
		close(fd);
		return;
	}
	part->at += cqe->res;
	if (part->at < part->size) {
		transmit(r, buffer, fd);
		return;
	}
	give_back(r, buffer);
	receive(r, fd);
}

static void complete(struct ring *r, struct io_uring_cqe *cqe)
{
	int fd = (int)(unsigned)cqe->user_data;
	unsigned buffer = cqe->user_data >> 32 & 0xffffff;
	switch ((enum kind)(cqe->user_data >> 56)) {
	case NEW:
		check(cqe->res, "read");
		receive(r, r->fresh);
		await_connection(r);
		break;
	case RECV:
		received(r, cqe, fd);
		break;
	case SEND:
		sent(r, cqe, buffer, fd);
		break;
	}
}

static void share_buffers(struct ring *r)
{
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS};
	if (posix_memalign((void **)&r->free, sysconf(_SC_PAGESIZE), BUFFERS * sizeof(struct io_uring_buf)) != 0)
		die("posix_memalign");
	reg.ring_addr = (unsigned long)r->free;
	check(io_uring_register_buf_ring(&r->uring, &reg, 0), "io_uring_register_buf_ring");
	io_uring_buf_ring_init(r->free);
	if (!(r->memory = malloc(BUFFERS * buffer_size)))
		die("malloc");
	for (unsigned i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(r->free, r->memory + i * buffer_size, buffer_size, i, BUFFERS - 1, i);
	io_uring_buf_ring_advance(r->free, BUFFERS);
}

static void *loop(void *arg)
{
	struct ring *r = arg;
	/* A ring with a single issuer belongs to the thread that made it. */
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = 4 * ENTRIES,
	};
	check(io_uring_queue_init_params(ENTRIES, &r->uring, &params), "io_uring_queue_init");
	share_buffers(r);
	await_connection(r);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;
		int err = io_uring_submit_and_wait(&r->uring, 1);
		if (err != -EINTR)
			check(err, "io_uring_submit_and_wait");
		io_uring_for_each_cqe(&r->uring, head, cqe) {
			complete(r, cqe);
			n++;
		}
		io_uring_cq_advance(&r->uring, n);
	}
	return NULL;
}

static void deal(int fd, int to)
{
	if (write(rings[to].pipe[1], &fd, sizeof fd) != sizeof fd)
		die("write");
}

/* A kernel that forbids io_uring is to be found out before anybody connects. */
static void permitted(void)
{
	struct io_uring trial;
	check(io_uring_queue_init(4, &trial, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN), "io_uring_setup");
	io_uring_queue_exit(&trial);
}

int main(int argc, char **argv)
{
	permitted();
	int listener = begin(argc, argv);
	for (int i = 0; i < threads; i++) {
		if (pipe(rings[i].pipe) < 0)
			die("pipe");
		spawn(loop, &rings[i]);
	}
	/* A descriptor that never blocks would make operations fail that should
	 * wait. */
	accept_all(listener, 0, deal);
}
