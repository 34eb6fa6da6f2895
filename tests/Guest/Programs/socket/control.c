/* What comes beside a datagram, both ways, and the error queue (ip(7), ipv6(7), udp(7)). */
#include "check.h"
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static struct cmsghdr *received(int fd, int flags, struct msghdr *message, char *control, size_t room)
{
    static char data[2000];
    static struct iovec vector = { data, sizeof data };
    *message = (struct msghdr){ .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room };
    return recvmsg(fd, message, flags) < 0 ? NULL : CMSG_FIRSTHDR(message);
}

static void set(int fd, int level, int name, int value)
{
    RETURNS(0, setsockopt(fd, level, name, &value, sizeof value));
}

static struct sockaddr_in bound(int fd, uint32_t address)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    socklen_t length = sizeof name;
    RETURNS(0, bind(fd, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, getsockname(fd, (struct sockaddr *)&name, &length));
    return name;
}

static void reports_of_v4(void)
{
    char control[512];
    struct msghdr message;
    int server = OK(socket(AF_INET, SOCK_DGRAM, 0)), client = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in name = bound(server, INADDR_ANY);
    set(server, IPPROTO_IP, IP_PKTINFO, 1);
    set(server, IPPROTO_IP, IP_RECVTTL, 1);
    set(server, IPPROTO_IP, IP_RECVTOS, 1);
    set(client, IPPROTO_IP, IP_TTL, 33);
    name.sin_addr.s_addr = htonl(0x7f000005);
    RETURNS(1, sendto(client, "x", 1, 0, (struct sockaddr *)&name, sizeof name));
    struct cmsghdr *each = received(server, 0, &message, control, sizeof control);
    CHECK(each && each->cmsg_type == IP_PKTINFO && each->cmsg_len == CMSG_LEN(sizeof(struct in_pktinfo)));
    struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(each);
    CHECK(info->ipi_addr.s_addr == htonl(0x7f000005) && info->ipi_ifindex == 1);
    each = CMSG_NXTHDR(&message, each);
    CHECK(each && each->cmsg_type == IP_TTL && *(int *)CMSG_DATA(each) == 33);
    each = CMSG_NXTHDR(&message, each);
    CHECK(each && each->cmsg_type == IP_TOS && each->cmsg_len == CMSG_LEN(1));
    RETURNS(1, sendto(client, "x", 1, 0, (struct sockaddr *)&name, sizeof name));
    received(server, 0, &message, control, CMSG_SPACE(sizeof(struct in_pktinfo)));
    CHECK(message.msg_flags & MSG_CTRUNC);
    RETURNS(CMSG_SPACE(sizeof(struct in_pktinfo)), message.msg_controllen);
    close(server);
    close(client);
}

static ssize_t send_with(int fd, struct sockaddr_in *to, size_t bytes, int level, int type, const void *value, size_t length)
{
    static char data[2000], control[100];
    struct iovec vector = { data, bytes };
    struct msghdr message = { to, sizeof *to, &vector, 1, control, CMSG_SPACE(length), 0 };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){ CMSG_LEN(length), level, type };
    memcpy(CMSG_DATA(header), value, length);
    return sendmsg(fd, &message, 0);
}

static void says_the_sender(void)
{
    char buffer[1000];
    int server = OK(socket(AF_INET, SOCK_DGRAM, 0)), client = OK(socket(AF_INET, SOCK_DGRAM, 0)), ttl = 7;
    struct sockaddr_in name = bound(server, INADDR_LOOPBACK), from;
    socklen_t length = sizeof from;
    struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(0x7f000009) };
    RETURNS(1, send_with(client, &name, 1, IPPROTO_IP, IP_PKTINFO, &info, sizeof info));
    RETURNS(1, recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
    CHECK(from.sin_addr.s_addr == info.ipi_spec_dst.s_addr);
    set(server, IPPROTO_IP, IP_RECVTTL, 1);
    RETURNS(1, send_with(client, &name, 1, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
    char control[100];
    struct msghdr message;
    struct cmsghdr *each = received(server, 0, &message, control, sizeof control);
    CHECK(each && *(int *)CMSG_DATA(each) == 7);
    ttl = 0;
    FAILS(EINVAL, send_with(client, &name, 1, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
    FAILS(EINVAL, send_with(client, &name, 1, IPPROTO_IP, 99, &ttl, sizeof ttl));
    FAILS(EINVAL, send_with(client, &name, 1, IPPROTO_IP, IP_TTL, &ttl, 1));
    uint16_t segment = 400;
    RETURNS(1000, send_with(client, &name, 1000, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment));
    RETURNS(400, recv(server, buffer, sizeof buffer, 0));
    RETURNS(400, recv(server, buffer, sizeof buffer, 0));
    RETURNS(200, recv(server, buffer, sizeof buffer, 0));
    close(server);
    close(client);
}

static void reports_of_v6(void)
{
    char control[512];
    struct msghdr message;
    int server = OK(socket(AF_INET6, SOCK_DGRAM, 0)), client = OK(socket(AF_INET6, SOCK_DGRAM, 0));
    struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
    socklen_t length = sizeof name;
    RETURNS(0, bind(server, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, getsockname(server, (struct sockaddr *)&name, &length));
    set(server, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set(server, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    RETURNS(1, sendto(client, "x", 1, 0, (struct sockaddr *)&name, sizeof name));
    struct cmsghdr *each = received(server, 0, &message, control, sizeof control);
    CHECK(each && each->cmsg_type == IPV6_PKTINFO && each->cmsg_len == CMSG_LEN(sizeof(struct in6_pktinfo)));
    each = CMSG_NXTHDR(&message, each);
    CHECK(each && each->cmsg_type == IPV6_HOPLIMIT && *(int *)CMSG_DATA(each) == 64);
    close(server);
    close(client);
}

static void errors(void)
{
    char control[512], data[10];
    struct msghdr message;
    int gone = OK(socket(AF_INET, SOCK_DGRAM, 0)), client = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in name = bound(gone, INADDR_LOOPBACK);
    close(gone);
    FAILS(EAGAIN, recv(client, data, 1, MSG_ERRQUEUE));
    set(client, IPPROTO_IP, IP_RECVERR, 1);
    RETURNS(3, sendto(client, "err", 3, 0, (struct sockaddr *)&name, sizeof name));
    struct pollfd entry = { client, POLLIN, 0 };
    RETURNS(1, poll(&entry, 1, 200));
    CHECK(entry.revents & POLLERR);
    FAILS(ECONNREFUSED, recv(client, data, 1, MSG_DONTWAIT));
    struct cmsghdr *each = received(client, MSG_ERRQUEUE, &message, control, sizeof control);
    CHECK(each && each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR);
    struct sock_extended_err *error = (struct sock_extended_err *)CMSG_DATA(each);
    RETURNS(ECONNREFUSED, (int)error->ee_errno);
    RETURNS(SO_EE_ORIGIN_ICMP, error->ee_origin);
    RETURNS(3, error->ee_type);
    RETURNS(3, error->ee_code);
    CHECK(((struct sockaddr_in *)SO_EE_OFFENDER(error))->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(message.msg_flags & MSG_ERRQUEUE);
    FAILS(EAGAIN, recv(client, data, 1, MSG_ERRQUEUE));
    FAILS(EAGAIN, recv(client, data, 1, MSG_DONTWAIT));
    close(client);
}

/* What connect chose is given up with AF_UNSPEC, what bind asked for is not. */
static void dissolved(void)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, own;
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    socklen_t length = sizeof own;
    int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    RETURNS(0, connect(fd, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, connect(fd, &none, sizeof none));
    RETURNS(0, getsockname(fd, (struct sockaddr *)&own, &length));
    CHECK(own.sin_port == 0 && own.sin_addr.s_addr == 0);
    struct sockaddr_in fixed = bound(fd, INADDR_LOOPBACK);
    RETURNS(0, connect(fd, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, connect(fd, &none, sizeof none));
    RETURNS(0, getsockname(fd, (struct sockaddr *)&own, &length));
    CHECK(own.sin_addr.s_addr == fixed.sin_addr.s_addr);
    close(fd);
}

int main(void)
{
    reports_of_v4();
    says_the_sender();
    reports_of_v6();
    errors();
    dissolved();
    return done();
}
