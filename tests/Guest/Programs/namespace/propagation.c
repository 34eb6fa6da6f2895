/* Shared, slave, private and unbindable mounts (mount_namespaces(7)), and how /proc/self/mountinfo shows them. */
#include "check.h"
#include <sched.h>
#include <sys/mount.h>

/* The optional fields of the topmost mount on a path: " shared:1 master:2" or "". */
static const char *fields_of(const char *path)
{
    static char found[4][128];
    static int next;
    char *answer = found[next++ % 4], line[1024];
    char place[512];
    strcpy(answer, "none");
    FILE *file = fopen("/proc/self/mountinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char options[256];
        int at = 0;
        if (sscanf(line, "%*d %*d %*s %*s %511s %255s%n", place, options, &at) != 2 || strcmp(place, path) != 0)
            continue;
        char *end = strstr(line + at, " - ");
        snprintf(answer, 128, "%.*s", (int)(end - line - at), line + at);
    }
    if (file != NULL)
        fclose(file);
    return answer;
}

static int is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void change(const char *path, unsigned long type)
{
    RETURNS(0, mount("none", path, NULL, type, NULL));
}

/* A tmpfs with a file "here" in it. */
static void mount_marked(const char *path)
{
    char name[256];
    RETURNS(0, mount("marked", path, "tmpfs", 0, NULL));
    snprintf(name, sizeof name, "%s/here", path);
    close(OK(open(name, O_CREAT | O_WRONLY, 0644)));
}

/* A tmpfs at a path with directories one and two in it, private. */
static void prepare(const char *path)
{
    char name[256];
    mkdir(path, 0755);
    RETURNS(0, mount("base", path, "tmpfs", 0, NULL));
    change(path, MS_PRIVATE);
    for (const char *sub = "one\0two\0"; *sub; sub += strlen(sub) + 1) {
        snprintf(name, sizeof name, "%s/%s", path, sub);
        RETURNS(0, mkdir(name, 0755));
    }
}

static void bind(const char *from, const char *to)
{
    mkdir(to, 0755);
    RETURNS(0, mount(from, to, NULL, MS_BIND, NULL));
}

static void check_peers(void)
{
    prepare("/tmp/a");
    CHECK(strcmp(fields_of("/tmp/a"), "") == 0);
    bind("/tmp/a", "/tmp/private");
    CHECK(strcmp(fields_of("/tmp/private"), "") == 0);
    change("/tmp/a", MS_SHARED);
    CHECK(strncmp(fields_of("/tmp/a"), " shared:", 8) == 0);
    bind("/tmp/a", "/tmp/b");
    CHECK(strcmp(fields_of("/tmp/a"), fields_of("/tmp/b")) == 0);

    mount_marked("/tmp/a/one");
    CHECK(is_there("/tmp/b/one/here"));
    CHECK(!is_there("/tmp/private/one/here"));
    CHECK(strncmp(fields_of("/tmp/a/one"), " shared:", 8) == 0);
    CHECK(strcmp(fields_of("/tmp/a/one"), fields_of("/tmp/b/one")) == 0);
    CHECK(strcmp(fields_of("/tmp/a/one"), fields_of("/tmp/a")) != 0);

    /* What is open in a peer keeps all of them busy; unmounting one unmounts both. */
    int fd = OK(open("/tmp/a/one/here", O_RDONLY));
    FAILS(EBUSY, umount("/tmp/b/one"));
    close(fd);
    RETURNS(0, umount("/tmp/b/one"));
    CHECK(!is_there("/tmp/a/one/here"));
    FAILS(EINVAL, umount("/tmp/a/one"));

    /* A peer that shows a part only gets what is within it. */
    RETURNS(0, mkdir("/tmp/a/two/deep", 0755));
    bind("/tmp/a/two", "/tmp/part");
    mount_marked("/tmp/a/two/deep");
    CHECK(is_there("/tmp/part/deep/here"));
    RETURNS(0, umount("/tmp/part/deep"));
    mount_marked("/tmp/a/one");
    CHECK(!is_there("/tmp/part/here"));
    CHECK(is_there("/tmp/b/one/here"));

    /* Not out of a shared mount; into one it becomes shared. */
    FAILS(EINVAL, mount("/tmp/a/one", "/tmp/a/two", NULL, MS_MOVE, NULL));
    RETURNS(0, umount2("/tmp/a/one", MNT_DETACH));
    CHECK(!is_there("/tmp/b/one/here"));
    prepare("/tmp/moved");
    mount_marked("/tmp/moved/one");
    RETURNS(0, mount("/tmp/moved", "/tmp/a/one", NULL, MS_MOVE, NULL));
    CHECK(is_there("/tmp/a/one/one/here") && is_there("/tmp/b/one/one/here"));
    CHECK(strncmp(fields_of("/tmp/b/one/one"), " shared:", 8) == 0);
    RETURNS(0, umount2("/tmp/b/one", MNT_DETACH));
    CHECK(!is_there("/tmp/a/one/one"));
    for (const char *path = "/tmp/part\0/tmp/b\0/tmp/private\0/tmp/a\0"; *path; path += strlen(path) + 1)
        RETURNS(0, umount2(path, MNT_DETACH));
}

static void check_slaves(void)
{
    prepare("/tmp/a");
    change("/tmp/a", MS_SLAVE); /* Of nobody: nothing changes. */
    CHECK(strcmp(fields_of("/tmp/a"), "") == 0);
    change("/tmp/a", MS_SHARED);
    int group = atoi(fields_of("/tmp/a") + 8);
    bind("/tmp/a", "/tmp/s");
    change("/tmp/s", MS_SLAVE);
    char expected[64];
    snprintf(expected, sizeof expected, " master:%d", group);
    CHECK(strcmp(fields_of("/tmp/s"), expected) == 0);
    mount_marked("/tmp/a/one");
    CHECK(is_there("/tmp/s/one/here"));
    CHECK(strncmp(fields_of("/tmp/s/one"), " master:", 8) == 0);
    mount_marked("/tmp/s/two");
    CHECK(!is_there("/tmp/a/two/here"));

    /* A slave that is shared passes on what it gets. */
    change("/tmp/s", MS_SHARED);
    int second = 0, master = 0;
    CHECK(sscanf(fields_of("/tmp/s"), " shared:%d master:%d", &second, &master) == 2);
    CHECK(master == group && second != group);
    bind("/tmp/s", "/tmp/s2");
    CHECK(strcmp(fields_of("/tmp/s"), fields_of("/tmp/s2")) == 0);
    RETURNS(0, umount("/tmp/a/one"));
    CHECK(!is_there("/tmp/s/one/here"));
    RETURNS(0, umount("/tmp/s/two"));
    mount_marked("/tmp/a/two");
    CHECK(is_there("/tmp/s/two/here") && is_there("/tmp/s2/two/here"));
    CHECK(sscanf(fields_of("/tmp/s2/two"), " shared:%d master:%d", &second, &master) == 2);
    CHECK(strcmp(fields_of("/tmp/s/two"), fields_of("/tmp/s2/two")) == 0);
    RETURNS(0, umount("/tmp/a/two"));
    CHECK(!is_there("/tmp/s2/two/here"));

    /* The last of its masters goes: it follows nobody. */
    change("/tmp/a", MS_PRIVATE);
    CHECK(strncmp(fields_of("/tmp/s"), " shared:", 8) == 0 && strstr(fields_of("/tmp/s"), "master") == NULL);
    for (const char *path = "/tmp/s2\0/tmp/s\0/tmp/a\0"; *path; path += strlen(path) + 1)
        RETURNS(0, umount2(path, MNT_DETACH));
}

static void check_unbindable(void)
{
    prepare("/tmp/a");
    mount_marked("/tmp/a/one");
    mount_marked("/tmp/a/two");
    change("/tmp/a/one", MS_UNBINDABLE);
    CHECK(strcmp(fields_of("/tmp/a/one"), " unbindable") == 0);
    mkdir("/tmp/b", 0755);
    FAILS(EINVAL, mount("/tmp/a/one", "/tmp/b", NULL, MS_BIND, NULL));
    RETURNS(0, mount("/tmp/a", "/tmp/b", NULL, MS_BIND | MS_REC, NULL));
    CHECK(!is_there("/tmp/b/one/here") && is_there("/tmp/b/two/here"));
    RETURNS(0, umount2("/tmp/b", MNT_DETACH));
    change("/tmp/a", MS_SHARED | MS_REC);
    CHECK(strncmp(fields_of("/tmp/a/one"), " shared:", 8) == 0 && strncmp(fields_of("/tmp/a/two"), " shared:", 8) == 0);
    FAILS(EINVAL, mount("none", "/tmp/a", NULL, MS_SHARED | MS_PRIVATE, NULL));
    FAILS(EINVAL, mount("none", "/proc/self", NULL, MS_SHARED, NULL));
    RETURNS(0, umount2("/tmp/a", MNT_DETACH));
}

static void check_namespaces(void)
{
    prepare("/tmp/a");
    change("/tmp/a", MS_SHARED);
    const char *fields = fields_of("/tmp/a");
    IN_CHILD({
        RETURNS(0, unshare(CLONE_NEWNS));
        CHECK(strcmp(fields_of("/tmp/a"), fields) == 0);
        mount_marked("/tmp/a/one");
    });
    CHECK(is_there("/tmp/a/one/here"));

    int ready[2], go[2];
    char byte;
    RETURNS(0, pipe(ready));
    RETURNS(0, pipe(go));
    pid_t child = OK(fork());
    if (child == 0) {
        failures = 0;
        RETURNS(0, unshare(CLONE_NEWNS));
        change("/tmp/a", MS_SLAVE);
        mount_marked("/tmp/a/two");
        RETURNS(1, write(ready[1], "x", 1));
        RETURNS(1, read(go[0], &byte, 1));
        CHECK(!is_there("/tmp/a/one/here"));
        CHECK(is_there("/tmp/a/two/here"));
        _exit(failures != 0);
    }
    RETURNS(1, read(ready[0], &byte, 1));
    CHECK(!is_there("/tmp/a/two/here"));
    RETURNS(0, umount("/tmp/a/one"));
    RETURNS(1, write(go[1], "x", 1));
    CHILD_OK(child);
    RETURNS(0, umount2("/tmp/a", MNT_DETACH));
}

int main(void)
{
    RETURNS(0, unshare(CLONE_NEWNS));
    change("/", MS_PRIVATE | MS_REC);
    RETURNS(0, mount("top", "/tmp", "tmpfs", 0, NULL));
    change("/tmp", MS_PRIVATE);
    check_peers();
    check_slaves();
    check_unbindable();
    check_namespaces();
    RETURNS(0, umount2("/tmp", MNT_DETACH));
    return done();
}
