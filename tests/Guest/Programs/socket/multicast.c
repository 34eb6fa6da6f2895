/* Multicast groups of UDP sockets on the loopback (ip(7), ipv6(7)). */
#include "check.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static const char *group_text = "224.0.2.1";

static struct sockaddr_in place(const char *address, int port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, address, &name.sin_addr);
    return name;
}

static struct ip_mreqn membership(const char *group, const char *local, int index)
{
    struct ip_mreqn all = { .imr_ifindex = index };
    inet_pton(AF_INET, group, &all.imr_multiaddr);
    inet_pton(AF_INET, local, &all.imr_address);
    return all;
}

static int receiver(const char *address, int *port)
{
    int one = 1, fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in name = place(address, *port);
    socklen_t length = sizeof name;
    RETURNS(0, setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    RETURNS(0, bind(fd, (struct sockaddr *)&name, sizeof name));
    RETURNS(0, getsockname(fd, (struct sockaddr *)&name, &length));
    *port = ntohs(name.sin_port);
    return fd;
}

static int arrives(int fd)
{
    char buffer[16];
    struct pollfd one = { fd, POLLIN, 0 };
    return poll(&one, 1, 50) == 1 ? (int)recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) : -1;
}

static void members(void)
{
    int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct ip_mreqn by_index = membership(group_text, "0.0.0.0", 1), by_address = membership(group_text, "127.0.0.1", 0);
    FAILS(EINVAL, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index, 7));
    struct ip_mreqn wrong = membership("127.0.0.1", "127.0.0.1", 0);
    FAILS(EINVAL, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wrong, sizeof wrong));
    wrong = membership(group_text, "10.1.2.3", 0);
    FAILS(ENODEV, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wrong, sizeof wrong));
    wrong = membership(group_text, "0.0.0.0", 77);
    FAILS(ENODEV, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wrong, sizeof wrong));
    FAILS(EADDRNOTAVAIL, setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &by_index, sizeof by_index));
    RETURNS(0, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_address, sizeof(struct ip_mreq)));
    FAILS(EADDRINUSE, setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index, sizeof by_index));
    struct ip_mreqn other = membership(group_text, "127.0.0.2", 0); /* of the same interface */
    RETURNS(0, setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &other, sizeof(struct ip_mreq)));
    FAILS(EADDRNOTAVAIL, setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &by_index, sizeof by_index));
    FAILS(EADDRNOTAVAIL, setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &by_address, sizeof(struct ip_mreq)));
    int most = 0, error = 0;
    for (int i = 0; i < 100 && error == 0; i++) {
        char text[32];
        snprintf(text, sizeof text, "224.0.3.%d", i + 1);
        struct ip_mreqn one = membership(text, "0.0.0.0", 1);
        if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &one, sizeof one) < 0)
            error = errno;
        else
            most++;
    }
    RETURNS(20, most);
    RETURNS(ENOBUFS, error);
    close(fd);
    int stream = OK(socket(AF_INET, SOCK_STREAM, 0));
    FAILS(EPROTO, setsockopt(stream, IPPROTO_IP, IP_ADD_MEMBERSHIP, &by_index, sizeof by_index));
    FAILS(EINVAL, setsockopt(stream, IPPROTO_IP, IP_MULTICAST_IF, &by_index, sizeof by_index));
    close(stream);
}

static void interfaces(void)
{
    int fd = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct in_addr address = { 1 };
    socklen_t length = sizeof address;
    RETURNS(0, getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, &length));
    RETURNS(0, address.s_addr);
    RETURNS(4, length);
    inet_pton(AF_INET, "127.0.0.1", &address);
    FAILS(EINVAL, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, 3));
    RETURNS(0, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    RETURNS(0, getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, &length));
    RETURNS(htonl(INADDR_LOOPBACK), address.s_addr);
    struct ip_mreqn by_index = membership("0.0.0.0", "0.0.0.0", 1), wrong = membership("0.0.0.0", "0.0.0.0", 77);
    RETURNS(0, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by_index, sizeof by_index));
    RETURNS(0, getsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, &length));
    RETURNS(0, address.s_addr);
    FAILS(EADDRNOTAVAIL, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &wrong, sizeof wrong));
    inet_pton(AF_INET, "10.1.2.3", &address);
    FAILS(EADDRNOTAVAIL, setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address));
    close(fd);
}

static void delivery(void)
{
    int port = 0, zero = 0;
    int any = receiver("0.0.0.0", &port), group = receiver(group_text, &port), loop = receiver("127.0.0.1", &port);
    int sender = OK(socket(AF_INET, SOCK_DGRAM, 0));
    struct ip_mreqn lo = membership(group_text, "127.0.0.1", 0);
    struct sockaddr_in target = place(group_text, port), from;
    socklen_t length = sizeof from;
    RETURNS(0, setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &lo.imr_address, sizeof lo.imr_address));
    RETURNS(1, sendto(sender, "a", 1, 0, (struct sockaddr *)&target, sizeof target)); /* nobody is in the group */
    RETURNS(-1, arrives(any));
    RETURNS(-1, arrives(group));
    RETURNS(0, setsockopt(any, IPPROTO_IP, IP_ADD_MEMBERSHIP, &lo, sizeof lo));
    RETURNS(1, sendto(sender, "b", 1, 0, (struct sockaddr *)&target, sizeof target));
    RETURNS(1, recvfrom(any, (char[4]){ 0 }, 4, 0, (struct sockaddr *)&from, &length));
    RETURNS(htonl(INADDR_LOOPBACK), from.sin_addr.s_addr);
    RETURNS(1, arrives(group)); /* IP_MULTICAST_ALL: what another one joined */
    RETURNS(-1, arrives(loop));
    RETURNS(0, setsockopt(group, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof zero));
    RETURNS(1, sendto(sender, "c", 1, 0, (struct sockaddr *)&target, sizeof target));
    RETURNS(1, arrives(any));
    RETURNS(-1, arrives(group));
    RETURNS(0, setsockopt(group, IPPROTO_IP, IP_ADD_MEMBERSHIP, &lo, sizeof lo));
    RETURNS(1, sendto(sender, "d", 1, 0, (struct sockaddr *)&target, sizeof target));
    RETURNS(1, arrives(any));
    RETURNS(1, arrives(group));
    close(any); /* leaves */
    RETURNS(1, sendto(sender, "e", 1, 0, (struct sockaddr *)&target, sizeof target));
    RETURNS(1, arrives(group));
    RETURNS(0, connect(sender, (struct sockaddr *)&target, sizeof target));
    RETURNS(1, send(sender, "f", 1, 0));
    RETURNS(1, arrives(group));
    RETURNS(0, setsockopt(group, IPPROTO_IP, IP_DROP_MEMBERSHIP, &lo, sizeof lo));
    RETURNS(1, send(sender, "g", 1, 0));
    RETURNS(-1, arrives(group));
    close(sender);
    sender = receiver("127.0.0.1", &zero);
    RETURNS(0, setsockopt(group, IPPROTO_IP, IP_ADD_MEMBERSHIP, &lo, sizeof lo));
    RETURNS(1, sendto(sender, "h", 1, 0, (struct sockaddr *)&target, sizeof target)); /* by its own address */
    RETURNS(1, arrives(group));
    close(sender);
    close(group);
    close(loop);
}

static void version6(void)
{
    int fd = OK(socket(AF_INET6, SOCK_DGRAM, 0)), index = 1, got = -1;
    socklen_t length = sizeof got;
    struct ipv6_mreq join = { .ipv6mr_interface = 1 };
    inet_pton(AF_INET6, "ff02::5:6", &join.ipv6mr_multiaddr);
    FAILS(EINVAL, setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, 19));
    FAILS(EADDRNOTAVAIL, setsockopt(fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &join, sizeof join));
    RETURNS(0, setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof join));
    FAILS(EADDRINUSE, setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof join));
    RETURNS(0, setsockopt(fd, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &join, sizeof join));
    join.ipv6mr_interface = 77;
    FAILS(ENODEV, setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof join));
    join.ipv6mr_multiaddr = in6addr_loopback;
    FAILS(EINVAL, setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof join));
    RETURNS(0, getsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &got, &length));
    RETURNS(0, got);
    RETURNS(0, setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index));
    RETURNS(0, getsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &got, &length));
    RETURNS(1, got);
    index = 77;
    FAILS(ENODEV, setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index));
    FAILS(EINVAL, setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, 3));
    close(fd);
}

int main(void)
{
    members();
    interfaces();
    delivery();
    version6();
    return done();
}
