/* /proc/self and /proc/[pid]: stat, status, cmdline, environ, comm, exe, cwd, root, fd, fdinfo, task, limits, statm. */
#include "check.h"
#include <dirent.h>
#include <sys/mman.h>

static long field(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

/* A link of /proc to what is not below the root shows a path all the same; only getcwd has a word for it. */
static void check_beyond_the_root(void)
{
    IN_CHILD(
        int links = OK(open("/proc/self/fd", O_RDONLY));
        int file = OK(open("outside", O_CREAT | O_RDWR, 0600));
        OK(mkdir("jail", 0700));
        OK(chroot("jail"));
        char number[16];
        char text[4096] = "";
        snprintf(number, sizeof number, "%d", file);
        ssize_t length = OK(readlinkat(links, number, text, sizeof text - 1));
        CHECK(length > 8 && text[0] == '/' && strcmp(text + length - 8, "/outside") == 0);
        OK(syscall(SYS_getcwd, text, sizeof text));
        CHECK(strncmp(text, "(unreachable)/", 14) == 0));
    OK(unlink("outside"));
    OK(rmdir("jail"));
}

int main(int argc, char **argv)
{
    char path[4096], name[64], target[4096], state;
    int pid, parent, group, session;
    ssize_t length;
    RETURNS(1, argc);

    const char *text = slurp("/proc/self/stat");
    CHECK(sscanf(text, "%d (%63[^)]) %c %d %d %d", &pid, name, &state, &parent, &group, &session) == 6);
    CHECK(pid == getpid() && state == 'R' && parent == getppid() && group == getpgrp() && session == getsid(0));
    int fields = 0;
    for (const char *at = strrchr(text, ')'); *at; at++)
        fields += *at == ' ';
    RETURNS(50, fields); /* 52 fields in all, proc(5) */

    text = slurp("/proc/self/status");
    CHECK(field(text, "\nPid:") == getpid() && field(text, "\nPPid:") == getppid() && field(text, "\nTgid:") == getpid());
    CHECK(field(text, "\nUid:") == 0 && field(text, "\nThreads:") == 1 && field(text, "\nVmRSS:") > 0 && field(text, "\nVmSize:") > 0);
    CHECK(strncmp(text, "Name:\t", 6) == 0 && strstr(text, "\nState:\tR (running)\n") && strstr(text, "\nSigCgt:\t") && strstr(text, "\nCapEff:\t"));
    long pages = 0, resident = 0;
    CHECK(sscanf(slurp("/proc/self/statm"), "%ld %ld", &pages, &resident) == 2 && pages > 0 && resident > 0 && resident <= pages);

    /* cmdline and environ with their NULs, also another process's. */
    pid_t child = fork();
    if (child == 0) {
        if (argv[0][0] == '@')
            _exit(1);
        int ends[2];
        if (pipe(ends) != 0)
            _exit(1);
        pause();
    }
    length = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK(length > 0 && path[0] == '/');
    path[length > 0 ? length : 0] = 0;
    RETURNS(0, access(path, X_OK));
    int fd = OK(open("/proc/self/cmdline", O_RDONLY));
    length = read(fd, target, sizeof target);
    CHECK(length == (ssize_t)strlen(argv[0]) + 1 && strcmp(target, argv[0]) == 0);
    snprintf(target, sizeof target, "/proc/%d/exe", child);
    char other[4096] = "";
    CHECK(readlink(target, other, sizeof other - 1) > 0 && strcmp(other, path) == 0);
    snprintf(target, sizeof target, "/proc/%d/status", child);
    RETURNS(child, field(slurp(target), "\nPid:"));
    CHECK(field(slurp(target), "\nPPid:") == getpid());
    snprintf(target, sizeof target, "/proc/%d", child);
    struct stat st;
    RETURNS(0, stat(target, &st));
    CHECK(S_ISDIR(st.st_mode) && st.st_uid == 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    FAILS(ENOENT, stat(target, &st));

    CHECK(getcwd(other, sizeof other) != NULL);
    length = readlink("/proc/self/cwd", target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    CHECK(strcmp(other, target) == 0);
    RETURNS(1, readlink("/proc/self/root", target, sizeof target));
    CHECK(target[0] == '/');
    length = readlink("/proc/self", target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    RETURNS(getpid(), atoi(target));
    length = readlink("/proc/thread-self", target, sizeof target - 1);
    CHECK(length > 0 && strstr(target, "/task/") != NULL);

    /* fd */
    make_file("some file", "abc");
    fd = OK(open("some file", O_RDWR));
    RETURNS(2, lseek(fd, 2, SEEK_SET));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    CHECK(length > 10 && strcmp(target + length - 10, "/some file") == 0);
    int again = OK(open(path, O_RDONLY)); /* a fresh description of the same file */
    RETURNS(0, lseek(again, 0, SEEK_CUR));
    RETURNS(0, unlink("some file"));
    length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    CHECK(length > 10 && strcmp(target + length - 10, " (deleted)") == 0);
    again = OK(open(path, O_RDONLY)); /* even without a name */
    RETURNS(3, read(again, other, 10));
    int ends[2], number;
    RETURNS(0, pipe(ends));
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    CHECK(sscanf(target, "pipe:[%d]", &number) == 1);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    text = slurp(path);
    RETURNS(2, field(text, "pos:"));
    CHECK(strstr(text, "flags:\t0100002") != NULL || strstr(text, "flags:\t02") != NULL);
    DIR *directory = opendir("/proc/self/fd");
    int seen = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        seen += atoi(entry->d_name) == fd;
    RETURNS(1, seen);
    closedir(directory);

    directory = opendir("/proc");
    seen = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        seen += atoi(entry->d_name) == getpid();
    RETURNS(1, seen);
    closedir(directory);
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", getpid());
    CHECK(strlen(slurp(path)) > 1);
    CHECK(strstr(slurp("/proc/self/limits"), "Max open files") != NULL);
    check_beyond_the_root();
    FAILS(ENOENT, open("/proc/self/nothing", O_RDONLY));
    FAILS(ENOENT, stat("/proc/999999", &st));
    CHECK(open("/proc/self/newfile", O_CREAT | O_WRONLY, 0644) == -1);
    return done();
}
