/* When a mount is busy, and what a filesystem in memory keeps after its mount is gone (umount(2)). */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>

static void make_mount(const char *path)
{
    mkdir(path, 0755);
    RETURNS(0, mount("none", path, "tmpfs", 0, NULL));
}

static void check_busy(void)
{
    make_mount("busy");
    RETURNS(0, chdir("busy"));
    FAILS(EBUSY, umount("../busy"));
    RETURNS(0, chdir(".."));
    int ends[2], back[2];
    char byte = 0;
    OK(pipe(ends));
    OK(pipe(back));
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        _exit(chdir("busy") || write(back[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    RETURNS(1, read(back[0], &byte, 1));
    FAILS(EBUSY, umount("busy"));
    close(ends[1]);
    CHILD_OK(child);
    RETURNS(0, umount("busy"));
}

static void check_lazy(void)
{
    char text[8] = "";
    make_mount("lazy");
    int file = OK(open(make_file("lazy/file", "kept"), O_RDWR));
    int directory = OK(open("lazy", O_RDONLY | O_DIRECTORY));
    make_file("lazy/other", "too");
    FAILS(EBUSY, umount("lazy"));
    RETURNS(0, umount2("lazy", MNT_DETACH));
    FAILS(ENOENT, open("lazy/file", O_RDONLY));
    RETURNS(4, pread(file, text, sizeof text, 0));
    CHECK(strcmp(text, "kept") == 0);
    close(file);
    int other = OK(openat(directory, "other", O_RDONLY));
    RETURNS(3, read(other, text, sizeof text));
    int made = OK(openat(directory, "new", O_CREAT | O_RDWR, 0600));
    RETURNS(3, write(made, "new", 3));
    close(other), close(directory), close(made);
}

/* The last task is gone, but a descriptor stands for the namespace: its mounts are still there for who joins it. */
static void check_descriptor(void)
{
    int ends[2], back[2];
    char byte = 0, name[64];
    OK(pipe(ends));
    OK(pipe(back));
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        failures = 0;
        RETURNS(0, unshare(CLONE_NEWNS));
        RETURNS(0, mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        make_mount("inner");
        make_file("inner/file", "inside");
        RETURNS(1, write(back[1], &byte, 1));
        RETURNS(0, read(ends[0], &byte, 1));
        _exit(failures != 0);
    }
    RETURNS(1, read(back[0], &byte, 1));
    snprintf(name, sizeof name, "/proc/%d/ns/mnt", child);
    int space = OK(open(name, O_RDONLY));
    close(ends[1]);
    CHILD_OK(child);
    FAILS(ENOENT, open(name, O_RDONLY));
    char here[256], path[300];
    CHECK(getcwd(here, sizeof here) != NULL);
    snprintf(path, sizeof path, "%s/inner/file", here);
    FAILS(ENOENT, open(path, O_RDONLY));
    IN_CHILD({
        RETURNS(0, setns(space, CLONE_NEWNS));
        int file = OK(open(path, O_RDONLY));
        close(space);
        char text[8] = "";
        RETURNS(6, read(file, text, sizeof text));
    });
    close(space);
}

/* A main thread that ends before the others has no places any more. */
static void *look(void *unused)
{
    char text[64], name[64];
    snprintf(name, sizeof name, "/proc/self/task/%d/cwd", getpid());
    for (int i = 0; i < 500 && readlink(name, text, sizeof text) >= 0; i++)
        sleep_ms(10);
    FAILS(ENOENT, readlink(name, text, sizeof text));
    CHECK(readlink("/proc/thread-self/cwd", text, sizeof text) > 0);
    exit(failures != 0);
}

int main(void)
{
    check_busy();
    check_lazy();
    check_descriptor();
    IN_CHILD({
        pthread_t thread;
        RETURNS(0, pthread_create(&thread, NULL, look, NULL));
        syscall(SYS_exit, 0);
    });
    return done();
}
