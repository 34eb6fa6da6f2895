/* AF_UNIX stream servers: bind, listen, connect, accept4; abstract names; peer credentials; errors. */
#include "check.h"
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static socklen_t name(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path + (path[0] == '@'), path + (path[0] == '@'));
    return offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@');
}

static int use(int (*call)(int, const struct sockaddr *, socklen_t), int fd, const char *path)
{
    struct sockaddr_un address;
    socklen_t length = name(&address, path);
    return call(fd, (struct sockaddr *)&address, length);
}

static void serve(const char *path)
{
    char buffer[32];
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int server = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    RETURNS(0, use(bind, server, path));
    FAILS(EINVAL, use(bind, server, "other"));
    int client = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    FAILS(ECONNREFUSED, use(connect, client, path)); /* nobody listens yet */
    RETURNS(0, listen(server, 5));
    RETURNS(0, use(connect, client, path)); /* before the accept */
    FAILS(EISCONN, use(connect, client, path));
    RETURNS(4, write(client, "ping", 4));
    struct pollfd poller = { server, POLLIN, 0 };
    RETURNS(1, poll(&poller, 1, 1000));
    int served = OK(accept4(server, (struct sockaddr *)&address, &length, SOCK_CLOEXEC));
    RETURNS(FD_CLOEXEC, fcntl(served, F_GETFD));
    RETURNS(sizeof(sa_family_t), length);
    RETURNS(4, read(served, buffer, 32));
    RETURNS(4, write(served, "pong", 4));
    RETURNS(4, read(client, buffer, 32));
    length = sizeof address;
    RETURNS(0, getpeername(client, (struct sockaddr *)&address, &length));
    CHECK(strcmp(address.sun_path + (path[0] == '@'), path + (path[0] == '@')) == 0 || path[0] == '@');
    struct ucred peer;
    length = sizeof peer;
    RETURNS(0, getsockopt(served, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    CHECK(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
    length = sizeof(int);
    int listening = 0;
    RETURNS(0, getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length));
    RETURNS(1, listening);
    close(served);
    RETURNS(0, read(client, buffer, 1));
    close(client);

    /* From another process, several at once. */
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            client = socket(AF_UNIX, SOCK_STREAM, 0);
            buffer[0] = '0' + i;
            _exit(use(connect, client, path) != 0 || write(client, buffer, 1) != 1 || read(client, buffer, 1) != 1);
        }
    }
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        served = OK(accept(server, NULL, NULL));
        length = sizeof peer;
        RETURNS(0, getsockopt(served, SOL_SOCKET, SO_PEERCRED, &peer, &length));
        CHECK(peer.pid != getpid());
        RETURNS(1, read(served, buffer, 1));
        sum += buffer[0] - '0';
        RETURNS(1, write(served, "k", 1));
        close(served);
    }
    RETURNS(6, sum);
    for (int i = 0; i < 4; i++) {
        int status = -1;
        OK(wait(&status));
        RETURNS(0, status);
    }
    fcntl(server, F_SETFL, O_NONBLOCK);
    FAILS(EAGAIN, accept(server, NULL, NULL));
    close(server);
}

int main(void)
{
    struct stat st;
    signal(SIGPIPE, SIG_IGN);
    serve("sock");
    RETURNS(0, stat("sock", &st));
    CHECK(S_ISSOCK(st.st_mode));
    int fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
    FAILS(EADDRINUSE, use(bind, fd, "sock")); /* the name outlives its socket */
    FAILS(ECONNREFUSED, use(connect, fd, "sock"));
    FAILS(ENXIO, open("sock", O_RDONLY));
    RETURNS(0, unlink("sock"));
    FAILS(ENOENT, use(connect, fd, "sock"));
    make_file("plain", "");
    FAILS(ECONNREFUSED, use(connect, fd, "plain"));
    FAILS(ENOENT, use(bind, fd, "nowhere/sock"));
    FAILS(EINVAL, accept(fd, NULL, NULL));
    FAILS(ENOTCONN, write(fd, "x", 1));
    FAILS(EINVAL, read(fd, &st, 1));
    serve("@abstract-name-of-test");
    serve("@abstract-name-of-test"); /* free again at once */

    /* Datagrams to a name. */
    int receiver = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), sender = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
    RETURNS(0, use(bind, receiver, "dgram"));
    struct sockaddr_un to, from;
    socklen_t length = name(&to, "dgram"), from_length = sizeof from;
    RETURNS(2, sendto(sender, "hi", 2, 0, (struct sockaddr *)&to, length));
    char buffer[16];
    RETURNS(2, recvfrom(receiver, buffer, 16, 0, (struct sockaddr *)&from, &from_length));
    RETURNS(0, use(bind, sender, "reply"));
    RETURNS(0, use(connect, sender, "dgram"));
    RETURNS(3, send(sender, "abc", 3, 0));
    from_length = sizeof from;
    RETURNS(3, recvfrom(receiver, buffer, 16, 0, (struct sockaddr *)&from, &from_length));
    CHECK(strcmp(from.sun_path, "reply") == 0);
    close(receiver);
    FAILS(ECONNREFUSED, send(sender, "x", 1, 0));
    return done();
}
