/* Message queues as files: the mqueue filesystem, permissions, limits, namespaces, what fork and execve do. */
#include "check.h"
#include <dirent.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#define NOBODY 65534

static void write_limit(const char *name, const char *value, int error)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
    int fd = OK(open(path, O_WRONLY));
    if (error == 0)
        RETURNS(strlen(value), write(fd, value, strlen(value)));
    else
        FAILS(error, write(fd, value, strlen(value)));
    close(fd);
}

static void expect_limit(const char *name, const char *value)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
    CHECK(strcmp(slurp(path), value) == 0);
}

static int count_entries(void)
{
    int count = 0;
    DIR *directory = opendir("mq");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
        CHECK(entry->d_name[0] == '.' || entry->d_type == DT_REG);
    }
    closedir(directory);
    return count;
}

static void files(void)
{
    struct statfs system;
    struct stat state;
    OK(statfs("mq", &system));
    CHECK(system.f_type == 0x19800202 && system.f_namelen == 255);
    OK(stat("mq", &state));
    CHECK(state.st_mode == (S_IFDIR | S_ISVTX | 0777) && state.st_size == 40 && state.st_nlink == 2);

    umask(022);
    mqd_t one = OK(mq_open("/one", O_CREAT | O_RDWR, 0666, NULL));
    umask(0);
    OK(stat("mq/one", &state));
    CHECK(state.st_mode == (S_IFREG | 0644) && state.st_size == 80 && state.st_nlink == 1);
    char target[64];
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", one);
    ssize_t length = OK(readlink(path, target, sizeof target));
    CHECK(length == 4 && memcmp(target, "/one", 4) == 0);

    int two = OK(open("mq/two", O_CREAT | O_RDWR, 0600)); /* made and opened as a file, it is a queue all the same */
    struct mq_attr attributes;
    OK(mq_getattr(two, &attributes));
    CHECK(attributes.mq_maxmsg == 10 && attributes.mq_msgsize == 8192);
    OK(mq_send(two, "hello", 5, 3));
    CHECK(strcmp(slurp("mq/two"), "QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n") == 0);
    CHECK(slurp("mq/one")[6] == '0');
    char text[64];
    RETURNS(5, pread(two, text, 5, 0));
    RETURNS(6, lseek(two, 6, SEEK_SET));
    RETURNS(1, read(two, text, 1));
    CHECK(text[0] == '5');
    RETURNS(0, pread(two, text, 5, 100));
    FAILS(EINVAL, write(two, "x", 1));
    OK(stat("mq", &state));
    CHECK(state.st_size == 80 && count_entries() == 2);

    FAILS(EEXIST, open("mq/two", O_CREAT | O_EXCL | O_RDWR, 0600));
    FAILS(EPERM, rename("mq/two", "mq/three"));
    FAILS(EPERM, link("mq/two", "mq/three"));
    FAILS(EPERM, symlink("two", "mq/three"));
    FAILS(EPERM, mkdir("mq/three", 0777));
    FAILS(EPERM, mknod("mq/three", S_IFIFO | 0600, 0));
    OK(chmod("mq/two", 0640));
    OK(chown("mq/two", 1, 2));
    OK(fstat(two, &state));
    CHECK((state.st_mode & 0777) == 0640 && state.st_uid == 1 && state.st_gid == 2);
    OK(unlink("mq/two"));
    FAILS(ENOENT, mq_open("/two", O_RDWR));
    OK(mq_unlink("/one"));
    FAILS(ENOENT, stat("mq/one", &state));
    CHECK(count_entries() == 0);
    OK(mq_close(one));
    OK(close(two));

    OK(mkdir("mq2", 0777)); /* all mounts show the same */
    OK(mount("mqueue", "mq2", "mqueue", 0, NULL));
    one = OK(mq_open("/one", O_CREAT | O_RDWR, 0600, NULL));
    OK(stat("mq2/one", &state));
    OK(umount("mq2"));
    OK(stat("mq/one", &state));
    OK(mq_close(one));
    OK(mq_unlink("/one"));
}

static void permissions(void)
{
    umask(0);
    mqd_t closed = OK(mq_open("/closed", O_CREAT | O_RDWR, 0600, NULL));
    mqd_t sent = OK(mq_open("/sent", O_CREAT | O_RDWR, 0622, NULL));
    IN_CHILD(
        OK(setgid(NOBODY));
        OK(setuid(NOBODY));
        FAILS(EACCES, mq_open("/closed", O_RDONLY));
        FAILS(EACCES, mq_open("/sent", O_RDWR));
        mqd_t queue = OK(mq_open("/sent", O_WRONLY));
        OK(mq_send(queue, "x", 1, 0));
        FAILS(EPERM, syscall(SYS_mq_unlink, "sent")); /* the directory is sticky */
        mqd_t own = OK(mq_open("/own", O_CREAT | O_WRONLY, 0400, NULL)); /* access counts from the next time */
        OK(mq_send(own, "x", 1, 0));
        FAILS(EACCES, mq_open("/own", O_WRONLY));
        struct stat state;
        OK(fstat(own, &state));
        CHECK(state.st_uid == NOBODY && state.st_gid == NOBODY);
        OK(mq_unlink("/own")));
    OK(mq_close(closed));
    OK(mq_close(sent));
    OK(mq_unlink("/closed"));
    OK(mq_unlink("/sent"));
}

static void limits(void)
{
    expect_limit("msg_max", "10\n");
    expect_limit("msgsize_max", "8192\n");
    expect_limit("msg_default", "10\n");
    expect_limit("msgsize_default", "8192\n");
    expect_limit("queues_max", "256\n");
    write_limit("msg_max", "0", EINVAL);
    write_limit("msg_max", "65537", EINVAL);
    write_limit("msgsize_max", "127", EINVAL);
    write_limit("msgsize_max", "16777217", EINVAL);
    write_limit("msg_max", "words", EINVAL);
    write_limit("msg_max", "5\n", 0);
    write_limit("msgsize_max", " 256 \n", 0);
    write_limit("msg_default", "7", 0);
    write_limit("msgsize_default", "128", 0);
    write_limit("queues_max", "2", 0);
    expect_limit("msg_max", "5\n");
    IN_CHILD(
        OK(setuid(NOBODY));
        struct mq_attr state;
        mqd_t queue = OK(mq_open("/first", O_CREAT | O_RDWR, 0600, NULL));
        OK(mq_getattr(queue, &state));
        CHECK(state.mq_maxmsg == 5 && state.mq_msgsize == 128);
        struct mq_attr large = { .mq_maxmsg = 6, .mq_msgsize = 1 };
        FAILS(EINVAL, mq_open("/second", O_CREAT | O_RDWR, 0600, &large));
        large.mq_maxmsg = 5;
        large.mq_msgsize = 257;
        FAILS(EINVAL, mq_open("/second", O_CREAT | O_RDWR, 0600, &large));
        large.mq_msgsize = 256;
        OK(mq_open("/second", O_CREAT | O_RDWR, 0600, &large));
        FAILS(ENOSPC, mq_open("/third", O_CREAT | O_RDWR, 0600, NULL));
        OK(mq_unlink("/first"));
        FAILS(ENOSPC, mq_open("/third", O_CREAT | O_RDWR, 0600, NULL)); /* it is still open */
        OK(mq_close(queue));
        OK(mq_open("/third", O_CREAT | O_RDWR, 0600, NULL));
        OK(mq_unlink("/second"));
        OK(mq_unlink("/third")));
    IN_CHILD(
        OK(setuid(NOBODY));
        struct mq_attr small = { .mq_maxmsg = 4, .mq_msgsize = 8 };
        const rlim_t cost = 4 * (8 + 48) + 4 * 48; /* each message with its head, and a node for each priority there may be */
        struct rlimit limit = { cost - 1, cost };
        OK(setrlimit(RLIMIT_MSGQUEUE, &limit));
        FAILS(EMFILE, mq_open("/cost", O_CREAT | O_RDWR, 0600, &small));
        limit.rlim_cur = cost;
        OK(setrlimit(RLIMIT_MSGQUEUE, &limit));
        mqd_t queue = OK(mq_open("/cost", O_CREAT | O_RDWR, 0600, &small));
        FAILS(EMFILE, mq_open("/more", O_CREAT | O_RDWR, 0600, &small));
        FAILS(EMFILE, open("mq/more", O_CREAT | O_RDWR, 0600));
        OK(mq_unlink("/cost"));
        FAILS(EMFILE, mq_open("/more", O_CREAT | O_RDWR, 0600, &small));
        OK(mq_close(queue));
        OK(mq_open("/more", O_CREAT | O_RDWR, 0600, &small));
        OK(mq_unlink("/more")));
    IN_CHILD(
        struct rlimit few = { 3, 3 };
        OK(setrlimit(RLIMIT_NOFILE, &few));
        FAILS(EMFILE, mq_open("/none", O_CREAT | O_RDWR, 0600, NULL)));
    FAILS(ENOENT, mq_unlink("/none")); /* nothing was made */
}

static void namespaces(void)
{
    mqd_t queue = OK(mq_open("/here", O_CREAT | O_RDWR, 0600, NULL));
    IN_CHILD(
        OK(unshare(CLONE_NEWIPC));
        FAILS(ENOENT, mq_open("/here", O_RDWR));
        expect_limit("msg_max", "10\n"); /* of its own */
        OK(mq_open("/there", O_CREAT | O_RDWR, 0600, NULL));
        OK(mkdir("there", 0777));
        OK(mount("mqueue", "there", "mqueue", 0, NULL));
        struct stat state;
        OK(stat("there/there", &state));
        OK(stat("mq/here", &state)); /* what was mounted shows what it showed */
        FAILS(ENOENT, stat("mq/there", &state));
        OK(mq_send(queue, "x", 1, 0)); /* as does the descriptor */
        OK(umount("there")));
    struct mq_attr state;
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_curmsgs == 1);

    IN_CHILD(
        struct mq_attr nonblocking = { .mq_flags = O_NONBLOCK };
        OK(mq_setattr(queue, &nonblocking, NULL)));
    OK(mq_getattr(queue, &state));
    CHECK(state.mq_flags == O_NONBLOCK); /* the open file is the same after fork */
    OK(mq_close(queue));
    OK(mq_unlink("/here"));
}

int main(int count, char **arguments)
{
    if (count > 1) {
        FAILS(EBADF, fcntl(atoi(arguments[1]), F_GETFD));
        return done();
    }

    OK(unshare(CLONE_NEWIPC | CLONE_NEWNS));
    OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    OK(mkdir("mq", 0777));
    OK(mount("mqueue", "mq", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    files();
    permissions();
    limits();
    namespaces();
    mqd_t queue = OK(mq_open("/closed", O_CREAT | O_RDWR, 0600, NULL));
    pid_t child = fork();
    if (child == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", queue);
        execl(arguments[0], arguments[0], number, NULL);
        _exit(98);
    }
    CHILD_OK(child);
    OK(mq_unlink("/closed"));
    OK(umount("mq"));
    return done();
}
