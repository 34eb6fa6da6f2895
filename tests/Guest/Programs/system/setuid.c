/* execve(2) of set-user-id programs, by an ordinary user, with and without no_new_privs. */
#include "check.h"
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>

int main(int argc, char **argv)
{
    if (argc > 1)
        return getuid() != 1000 ? 9 : geteuid() == 4321 ? (getauxval(AT_SECURE) ? 1 : 8) : (getauxval(AT_SECURE) ? 7 : 2);

    RETURNS(0, chmod(".", 0755));
    int in = OK(open("/proc/self/exe", O_RDONLY)), out = OK(open("suid", O_WRONLY | O_CREAT, 0755));
    struct stat st;
    fstat(in, &st);
    for (off_t at = 0; at < st.st_size;)
        if (sendfile(out, in, &at, st.st_size - at) <= 0)
            break;
    close(out);
    RETURNS(0, chown("suid", 4321, 0));
    RETURNS(0, chmod("suid", 04755));
    for (int privileges = 0; privileges < 2; privileges++) {
        pid_t child = fork();
        if (child == 0) {
            if (privileges)
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (setgid(1000) != 0 || setuid(1000) != 0)
                _exit(20);
            execl("suid", "suid", "tell", NULL);
            _exit(21);
        }
        int status;
        RETURNS(child, waitpid(child, &status, 0));
        CHECK(WEXITSTATUS(status) == (privileges ? 2 : 1));
    }
    return done();
}
