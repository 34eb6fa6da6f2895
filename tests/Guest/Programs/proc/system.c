/* The files of /proc that are about the whole system: what ps, top, free, df and libc read. */
#include "check.h"
#include <dirent.h>

static long value(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

int main(void)
{
    double up, idle;
    CHECK(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle) == 2 && up >= 0);
    double one, five, fifteen;
    int running, total, last;
    CHECK(sscanf(slurp("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &one, &five, &fifteen, &running, &total, &last) == 6);
    const char *text = slurp("/proc/meminfo");
    CHECK(value(text, "MemTotal:") > 0 && value(text, "MemFree:") >= 0 && value(text, "MemAvailable:") >= 0);
    CHECK(value(text, "Buffers:") >= 0 && value(text, "\nCached:") >= 0 && value(text, "SwapTotal:") >= 0);
    text = slurp("/proc/stat");
    CHECK(strncmp(text, "cpu  ", 5) == 0 && strstr(text, "\ncpu0 ") && value(text, "\nbtime ") > 1500000000 && value(text, "\nprocesses ") >= 1);
    CHECK(strncmp(slurp("/proc/version"), "Linux version ", 14) == 0);
    text = slurp("/proc/cpuinfo");
    CHECK(strstr(text, "processor\t: 0") && strstr(text, "model name") && strstr(text, "flags"));
    text = slurp("/proc/filesystems");
    CHECK(strstr(text, "nodev\tproc\n") && strstr(text, "nodev\ttmpfs\n"));
    text = slurp("/proc/mounts");
    CHECK(strstr(text, " / ") && strstr(text, " /proc proc "));
    /* mountinfo: id, parent, device, root, mount point, options, -, type, source, super options */
    text = slurp("/proc/self/mountinfo");
    int id, parent, major, minor, lines = 0, rooted = 0;
    char root[256], point[256];
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL, lines++) {
        CHECK(sscanf(line, "%d %d %d:%d %255s %255s", &id, &parent, &major, &minor, root, point) == 6);
        rooted += strcmp(point, "/") == 0;
        CHECK(strstr(line, " - "));
    }
    CHECK(lines >= 2 && rooted >= 1);
    CHECK(strlen(slurp("/proc/sys/kernel/osrelease")) > 2);
    CHECK(strcmp(slurp("/proc/sys/kernel/ostype"), "Linux\n") == 0);
    CHECK(atol(slurp("/proc/sys/kernel/pid_max")) >= 32768);
    CHECK(strlen(slurp("/proc/sys/kernel/random/boot_id")) == 37);
    char first[64];
    strcpy(first, slurp("/proc/sys/kernel/random/uuid"));
    CHECK(strlen(first) == 37 && strcmp(first, slurp("/proc/sys/kernel/random/uuid")) != 0);
    CHECK(atol(slurp("/proc/sys/fs/file-max")) > 0);
    CHECK(strlen(slurp("/proc/sys/vm/overcommit_memory")) == 2);
    CHECK(strstr(slurp("/proc/self/cgroup"), ":") != NULL);
    text = slurp("/proc/self/mounts");
    CHECK(strstr(text, " / "));
    /* Names that every process has. */
    static const char *const names[] = { "ns/pid", "ns/mnt", "ns/net", "ns/user", "ns/uts", "ns/ipc", "oom_score_adj", "oom_score",
                                         "wchan", "io", "auxv", "environ", "uid_map", "gid_map", "loginuid", "personality" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof path, "/proc/self/%s", names[i]);
        int result = lstat(path, &st);
        if (result != 0)
            complain(path, 0, "is there", result, errno);
    }
    char target[64] = "";
    CHECK(readlink("/proc/self/ns/pid", target, sizeof target - 1) > 5 && strncmp(target, "pid:[", 5) == 0);
    return done();
}
