// Ways out of the root. argv: text that is in a file outside, the file's path on the host, a directory that is a bind mount.
#include "hostile.h"

static const char *secret;

static void look(const char *path)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return;
    text[length] = 0;
    if (strstr(text, secret))
        fail(path, 0);
}

static volatile int stop;
static char link_name[200], swap_name[200], deep_a[300], deep_b[300];

static void *swap(void *unused)
{
    while (!stop)
        syscall(SYS_renameat2, AT_FDCWD, link_name, AT_FDCWD, swap_name, 2); // RENAME_EXCHANGE
    return 0;
}

static void *move(void *unused)
{
    while (!stop) {
        rename(deep_a, deep_b);
        rename(deep_b, deep_a);
    }
    return 0;
}

static void below(const char *base, const char *outside)
{
    static const char *ups[] = { "..", "../..", "../../..", "../../../../../../../../../../../../../../..", "/proc/self/root/..",
        "/proc/1/root/../..", "/proc/self/cwd/../../../../.." };
    char path[2000];
    const char *name = strrchr(outside, '/') + 1;
    look(outside);
    for (unsigned i = 0; i < sizeof ups / sizeof *ups; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", base, ups[i], name), look(path);
        snprintf(path, sizeof path, "%s/%s%s", base, ups[i], outside), look(path);
        snprintf(path, sizeof path, "%s%s", ups[i], outside), look(path);
    }
    for (int fd = 0; fd < 16; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d/../%s", fd, name), look(path);
        snprintf(path, sizeof path, "/proc/self/fd/%d%s", fd, outside), look(path);
    }
    for (int task = 1; task < 8; task++) {
        snprintf(path, sizeof path, "/proc/%d/root%s", task, outside), look(path);
        snprintf(path, sizeof path, "/proc/%d/cwd/../../..%s", task, outside), look(path);
    }
    // Links to the outside, absolute and relative, read through every kind of walk.
    char link[300];
    snprintf(link, sizeof link, "%s/out", base), unlink(link);
    if (symlink(outside, link) == 0)
        look(link);
    snprintf(link, sizeof link, "%s/up", base), unlink(link);
    if (symlink("../../../../../../../../../..", link) == 0) {
        snprintf(path, sizeof path, "%s%s", link, outside), look(path);
        int directory = open(link, O_RDONLY | O_DIRECTORY);
        int fd = openat(directory, outside + 1, O_RDONLY);
        if (fd >= 0)
            fail("openat below a link upwards", fd);
    }
    // Hard links and renames across the edge.
    snprintf(path, sizeof path, "%s/hard", base);
    if (linkat(AT_FDCWD, outside, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        look(path);
}

static void races(const char *base, const char *outside)
{
    char path[1000], inner[600];
    snprintf(link_name, sizeof link_name, "%s/flip", base);
    snprintf(swap_name, sizeof swap_name, "%s/flop", base);
    snprintf(deep_a, sizeof deep_a, "%s/flop/a", base);
    snprintf(deep_b, sizeof deep_b, "%s/moved", base);
    mkdir(link_name, 0755), mkdir(deep_b, 0755);
    symlink("../../../../../../../../../../..", swap_name);
    snprintf(inner, sizeof inner, "%s/x", deep_b), mkdir(inner, 0755);
    pthread_t one, two;
    pthread_create(&one, 0, swap, 0);
    pthread_create(&two, 0, move, 0);
    for (long long end = now_ms() + 2000; now_ms() < end;) {
        snprintf(path, sizeof path, "%s%s", link_name, outside), look(path);
        snprintf(path, sizeof path, "%s/x/../../../../../../..%s", deep_b, outside), look(path);
        snprintf(path, sizeof path, "%s/../..%s", link_name, outside), look(path);
        int directory = open(deep_b, O_RDONLY | O_DIRECTORY);
        int fd = openat(directory, "../../../../../../../../secret", O_RDONLY);
        if (fd >= 0)
            fail("openat from a moved directory", fd);
        close(directory);
    }
    stop = 1;
    pthread_join(one, 0), pthread_join(two, 0);
    stop = 0;
}

int main(int argc, char **argv)
{
    secret = argv[1];
    for (int i = 3; i < argc; i++) {
        below(argv[i], argv[2]);
        races(argv[i], argv[2]);
    }
    below("", argv[2]);
    // What must stay closed altogether.
    if (open_by_handle_at(AT_FDCWD, (struct file_handle *)"\x08\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0", O_RDONLY) >= 0)
        fail("open_by_handle_at", 0);
    return finish();
}
