/* execve(2): arguments, environment, auxiliary vector, what survives, errors. Runs itself with a first argument. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

static char self[4096];

static int run(char *const arguments[], char *const environment[])
{
    pid_t child = fork();
    if (child == 0) {
        execve(self, arguments, environment);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int show_state(char **argv)
{
    int kept = atoi(argv[2]), closed = atoi(argv[3]);
    CHECK(fcntl(kept, F_GETFD) == 0);
    CHECK(fcntl(closed, F_GETFD) == -1);
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL); /* caught: back to default */
    sigaction(SIGUSR2, NULL, &action);
    CHECK(action.sa_handler == SIG_IGN); /* ignored: stays */
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    CHECK(sigismember(&mask, SIGTERM) == 1);
    sigpending(&mask);
    CHECK(sigismember(&mask, SIGTERM) == 1);
    stack_t stack;
    sigaltstack(NULL, &stack);
    CHECK(stack.ss_flags == SS_DISABLE);
    CHECK(getpid() == atoi(argv[4]));
    RETURNS(077, umask(0));
    char name[32] = "";
    prctl(PR_GET_NAME, name);
    CHECK(strcmp(name, argv[5]) == 0);
    return done();
}

static void handler(int signal)
{
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "args") == 0) {
        CHECK(argc == 5 && strcmp(argv[0], "zero") == 0 && strcmp(argv[2], "") == 0 && strcmp(argv[3], "two words") == 0);
        CHECK(strlen(argv[4]) == 100000);
        CHECK(environ[0] && strcmp(environ[0], "A=1") == 0 && strcmp(environ[1], "B=") == 0 && environ[2] == NULL);
        CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
        CHECK(getauxval(AT_SECURE) == 0 && getauxval(AT_PHDR) != 0 && getauxval(AT_ENTRY) != 0 && getauxval(AT_RANDOM) != 0);
        CHECK(getauxval(AT_PHNUM) > 0 && getauxval(AT_PHENT) == sizeof(Elf64_Phdr) && getauxval(AT_CLKTCK) == 100);
        CHECK(strcmp((char *)getauxval(AT_EXECFN), self) == 0 || ((char *)getauxval(AT_EXECFN))[0] == '/');
        CHECK(strcmp((char *)getauxval(AT_PLATFORM), "x86_64") == 0);
        CHECK((uintptr_t)argv % 8 == 0);
        return done();
    }
    if (argc > 1 && strcmp(argv[1], "state") == 0)
        return show_state(argv);
    if (argc == 0 || (argc > 1 && strcmp(argv[1], "exit") == 0))
        return 17;

    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(length > 0);
    self[length > 0 ? length : 0] = 0;
    static char big[100001];
    memset(big, 'b', 100000);
    char *arguments[] = { "zero", "args", "", "two words", big, NULL }, *environment[] = { "A=1", "B=", NULL };
    RETURNS(0, run(arguments, environment));

    pid_t child = fork();
    if (child == 0) {
        make_file("f", "");
        int kept = open("f", O_RDONLY), closed = open("f", O_RDONLY | O_CLOEXEC);
        char first[16], second[16], pid[16];
        snprintf(first, sizeof first, "%d", kept);
        snprintf(second, sizeof second, "%d", closed);
        snprintf(pid, sizeof pid, "%d", getpid());
        signal(SIGUSR1, handler);
        signal(SIGUSR2, SIG_IGN);
        sigset_t mask;
        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        raise(SIGTERM);
        static char stack[16384];
        stack_t set = { .ss_sp = stack, .ss_size = sizeof stack };
        sigaltstack(&set, NULL);
        umask(077);
        char *name = strrchr(self, '/') + 1, comm[16] = "";
        strncat(comm, name, 15);
        char *state[] = { "x", "state", first, second, pid, comm, NULL };
        execv(self, state);
        _exit(1);
    }
    CHILD_OK(child);

    char *plain[] = { "x", "exit", NULL };
    FAILS(ENOENT, execv("missing", plain));
    FAILS(ENOENT, execv("", plain));
    make_file("noexec", "#!/bin/sh\n");
    FAILS(EACCES, execv("noexec", plain));
    RETURNS(0, mkdir("dir", 0755));
    FAILS(EACCES, execv("dir", plain));
    FAILS(ENOTDIR, execv("noexec/x", plain));
    make_file("garbage", "this is not a program");
    RETURNS(0, chmod("garbage", 0755));
    FAILS(ENOEXEC, execv("garbage", plain));
    make_file("empty", "");
    RETURNS(0, chmod("empty", 0755));
    FAILS(ENOEXEC, execv("empty", plain));
    make_file("short", "\177ELF");
    RETURNS(0, chmod("short", 0755));
    FAILS(ENOEXEC, execv("short", plain));
    FAILS(EFAULT, execv(self, (char **)8));
    FAILS(EFAULT, execv((char *)8, plain));
    static char toobig[140000];
    memset(toobig, 'b', sizeof toobig - 1);
    char *huge[] = { "x", toobig, NULL };
    FAILS(E2BIG, execv(self, huge)); /* one string may have 128 KiB */

    /* execveat, by descriptor. */
    int fd = OK(open(self, O_PATH | O_CLOEXEC));
    child = fork();
    if (child == 0) {
        syscall(SYS_execveat, fd, "", plain, environ, AT_EMPTY_PATH);
        _exit(1);
    }
    int status;
    RETURNS(child, waitpid(child, &status, 0));
    RETURNS(17, WEXITSTATUS(status));
    FAILS(ENOENT, syscall(SYS_execveat, fd, "", plain, environ, 0));
    /* A running program's file cannot be written. */
    FAILS(ETXTBSY, open(self, O_WRONLY));
    return done();
}
