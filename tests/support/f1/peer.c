/* A DU or a CU on F1-C over usrsctp, as far as SCTP goes: the DU sends messages, the CU returns each.
 *
 *   peer cu ADDRESS PORT ENCAPSULATION            listens, returns every message to whoever sent it
 *   peer du ADDRESS CU PORT ENCAPSULATION COUNT   connects, sends COUNT messages, compares what comes back,
 *                                                 then one each 100 ms
 *
 * ENCAPSULATION is 0 or the UDP port of both ends. Each line on stdout is a time (ns since the epoch), a word, and
 * what belongs to it. Ends when stdin does. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <usrsctp.h>

#define LARGEST 4000
#define F1AP 62

static volatile int up, ended;
static volatile unsigned returned, wrong;
static int is_cu;

static void say(const char *word, const char *form, ...)
{
    struct timespec now;
    va_list rest;
    clock_gettime(CLOCK_REALTIME, &now);
    flockfile(stdout);
    printf("%lld%09ld %s ", (long long)now.tv_sec, now.tv_nsec, word);
    va_start(rest, form);
    vprintf(form, rest);
    va_end(rest);
    printf("\n");
    fflush(stdout);
    funlockfile(stdout);
}

static void fail(const char *what)
{
    say("failed", "%s: %s", what, strerror(errno));
    exit(1);
}

/* Message n, by which its length and bytes are known. */
static size_t message(unsigned n, unsigned char *bytes)
{
    size_t len = 8 + (n * 577) % (LARGEST - 8);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(n * 31 + i * 7);
    memcpy(bytes, &n, sizeof n);
    return len;
}

static void put(struct socket *to, const void *bytes, size_t len)
{
    struct sctp_sndinfo info = {.snd_ppid = htonl(F1AP)};
    while (usrsctp_sendv(to, bytes, len, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            say("unsent", "%s", strerror(errno));
            return;
        }
        usleep(1000);
    }
}

static void changed(const struct sctp_assoc_change *change)
{
    size_t len = change->sac_length > sizeof *change ? change->sac_length - sizeof *change : 0;
    switch (change->sac_state) {
    case SCTP_COMM_UP: say("up", ""); up = 1; break;
    case SCTP_COMM_LOST: say("lost", "cause %u, %zu bytes", change->sac_error, len); ended = 1; break;
    case SCTP_RESTART: say("restart", ""); break;
    case SCTP_SHUTDOWN_COMP: say("shutdown", ""); ended = 1; break;
    case SCTP_CANT_STR_ASSOC: say("refused", ""); ended = 1; break;
    }
}

static int heard(struct socket *from, union sctp_sockstore address, void *data, size_t len,
                 struct sctp_rcvinfo info, int flags, void *context)
{
    (void)address, (void)context;
    if (data == NULL) {
        say("closed", "");
        ended = 1;
        return 1;
    }
    if (flags & MSG_NOTIFICATION) {
        const union sctp_notification *told = data;
        if (told->sn_header.sn_type == SCTP_ASSOC_CHANGE)
            changed(&told->sn_assoc_change);
    } else if (is_cu) {
        if (info.rcv_ppid != htonl(F1AP))
            wrong++;
        put(from, data, len);
        returned++;
    } else {
        unsigned char bytes[LARGEST];
        size_t expected = message(returned, bytes);
        if (len != expected || memcmp(data, bytes, len) != 0 || info.rcv_ppid != htonl(F1AP))
            wrong++;
        returned++;
    }
    free(data);
    return 1;
}

static struct sockaddr_in at(const char *address, const char *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    if (inet_pton(AF_INET, address, &place.sin_addr) != 1)
        fail(address);
    return place;
}

static struct socket *open_at(const char *address, const char *port, const char *udp)
{
    struct sockaddr_in here = at(address, port);
    struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = SCTP_ASSOC_CHANGE, .se_on = 1};
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    const int on = 1;
    usrsctp_init((unsigned short)atoi(udp), NULL, NULL);
    usrsctp_sysctl_set_sctp_blackhole(2);
    struct socket *one = usrsctp_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP, heard, NULL, 0, NULL);
    if (one == NULL)
        fail("socket");
    usrsctp_setsockopt(one, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
    usrsctp_setsockopt(one, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
    usrsctp_setsockopt(one, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (atoi(udp) != 0) {
        struct sctp_udpencaps encaps = {.sue_address.ss_family = AF_INET, .sue_port = htons((unsigned short)atoi(udp))};
        usrsctp_setsockopt(one, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &encaps, sizeof encaps);
    }
    if (usrsctp_bind(one, (struct sockaddr *)&here, sizeof here) < 0)
        fail("bind");
    return one;
}

static void *wait_for_end(void *context)
{
    char byte;
    (void)context;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    say("done", "%u messages, %u wrong", returned, wrong);
    _exit(0);
}

static void cu(char **words)
{
    struct socket *door = open_at(words[2], words[3], words[4]);
    if (usrsctp_listen(door, 1) < 0)
        fail("listen");
    say("listening", "");
    for (;;) {
        if (usrsctp_accept(door, NULL, NULL) == NULL)
            fail("accept");
        say("accepted", "");
    }
}

static void du(char **words)
{
    struct sockaddr_in there = at(words[3], words[4]);
    struct socket *one = open_at(words[2], "40000", words[5]);
    unsigned count = (unsigned)atoi(words[6]);
    unsigned char bytes[LARGEST];
    if (usrsctp_connect(one, (struct sockaddr *)&there, sizeof there) < 0)
        fail("connect");
    for (unsigned n = 0; n < count; n++)
        put(one, bytes, message(n, bytes));
    while (returned < count && !ended)
        usleep(1000);
    say("returned", "%u messages, %u wrong", returned, wrong);
    for (unsigned n = count; !ended; n++) {
        put(one, bytes, message(n, bytes));
        usleep(100000);
    }
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    pthread_t ear;
    pthread_create(&ear, NULL, wait_for_end, NULL);
    if (argc == 5 && strcmp(argv[1], "cu") == 0) {
        is_cu = 1;
        cu(argv);
    } else if (argc == 7 && strcmp(argv[1], "du") == 0) {
        du(argv);
    }
    return 2;
}
