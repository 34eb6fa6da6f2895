/* execve(2) of `#!` files: argument building, nesting, limits. Acts as the interpreter when called with "interpret". */
#include "check.h"

static char self[4096];

static void script(const char *name, const char *text)
{
    make_file(name, text);
    chmod(name, 0755);
}

static int run(const char *file, char *const arguments[])
{
    pid_t child = fork();
    if (child == 0) {
        execv(file, arguments);
        _exit(errno == ELOOP ? 120 : errno == ENOENT ? 121 : errno == EACCES ? 122 : errno == ENOEXEC ? 123 : 127);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "interpret a b") == 0) {
        /* one optional argument, blanks and all; then the script's path, then the rest */
        CHECK(argc == 5 && strcmp(argv[2], "./script") == 0 && strcmp(argv[3], "one") == 0 && strcmp(argv[4], "two") == 0);
        return failures ? 1 : 42;
    }
    if (argc > 1 && strcmp(argv[1], "./bare") == 0)
        return argc == 2 ? 43 : 1;
    if (argc > 2 && strcmp(argv[1], "./outer-interpreter") == 0)
        return strcmp(argv[2], "./nested") == 0 ? 44 : 1;

    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(length > 0);
    char text[5000];
    char *arguments[] = { "ignored", "one", "two", NULL }, *none[] = { "ignored", NULL };
    snprintf(text, sizeof text, "#!  %s   interpret a b  \necho\n", self);
    script("script", text);
    RETURNS(42, run("./script", arguments));
    snprintf(text, sizeof text, "#!%s", self);
    script("bare", text); /* no newline at the end */
    RETURNS(43, run("./bare", none));
    snprintf(text, sizeof text, "#!%s\n", self);
    script("outer-interpreter", text);
    script("nested", "#!./outer-interpreter\n");
    RETURNS(44, run("./nested", none));
    script("self", "#!./self\n");
    RETURNS(120, run("./self", none));
    script("lost", "#!/nowhere/at/all\n");
    RETURNS(121, run("./lost", none));
    make_file("plain", "text");
    script("refused", "#!./plain\n");
    RETURNS(122, run("./refused", none));
    script("empty", "#!\n");
    RETURNS(123, run("./empty", none));
    return done();
}
