/* acl(5): what a list is, what it shows as, who is let in by it, what new files get of it. */
#include "check.h"
#include <grp.h>
#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NONE 0xFFFFFFFFu

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

struct entry { uint16_t tag, permissions; uint32_t id; };
struct list { uint32_t version; struct entry entries[8]; };

#define SET(name, type, ...) ({ struct entry e_[] = { __VA_ARGS__ }; set(name, type, e_, sizeof e_ / sizeof *e_); })

static int set(const char *name, const char *type, const struct entry *entries, int count)
{
    struct list list = { 2 };
    memcpy(list.entries, entries, count * sizeof *entries);
    return setxattr(name, type, &list, 4 + count * sizeof *entries, 0);
}

static int bits(const char *name)
{
    struct stat state;
    OK(stat(name, &state));
    return state.st_mode & 07777;
}

/* As a user of a group: 0 or the errno of opening. */
static int opens(const char *name, int flags, uid_t user, gid_t group)
{
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setgid(group) != 0 || setuid(user) != 0)
            _exit(99);
        int fd = open(name, flags);
        _exit(fd < 0 ? errno : 0);
    }
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void invalid(void)
{
    const char *name = make_file("plain", "x");
    struct list list = { 3, { { USER_OBJ, 6, NONE }, { GROUP_OBJ, 4, NONE }, { OTHER, 0, NONE } } };
    FAILS(EOPNOTSUPP, setxattr(name, ACCESS, &list, 28, 0));
    list.version = 2;
    FAILS(EINVAL, setxattr(name, ACCESS, &list, 27, 0));
    FAILS(EINVAL, setxattr(name, ACCESS, &list, 20, 0)); /* others are missing */
    FAILS(EINVAL, SET(name, ACCESS, { USER_OBJ, 6, NONE }, { USER, 6, 1000 }, { GROUP_OBJ, 4, NONE }, { OTHER, 0, NONE }));
    FAILS(EINVAL, SET(name, ACCESS, { USER_OBJ, 6, NONE }, { OTHER, 0, NONE }, { GROUP_OBJ, 4, NONE }));
    FAILS(EINVAL, SET(name, ACCESS, { USER_OBJ, 8, NONE }, { GROUP_OBJ, 4, NONE }, { OTHER, 0, NONE }));
    FAILS(EINVAL, SET(name, ACCESS, { USER_OBJ, 6, NONE }, { 64, 4, NONE }, { OTHER, 0, NONE }));
    FAILS(EACCES, SET(name, DEFAULT, { USER_OBJ, 6, NONE }, { GROUP_OBJ, 4, NONE }, { OTHER, 0, NONE }));
    OK(SET(name, ACCESS, { USER_OBJ, 6, NONE }, { GROUP_OBJ, 4, NONE }, { OTHER, 1, NONE }));
    RETURNS(0641, bits(name)); /* it is only a mode, and not kept */
    char value[128];
    FAILS(ENODATA, getxattr(name, ACCESS, value, sizeof value));
    pid_t child = fork();
    if (child == 0) {
        setuid(1000);
        _exit(SET(name, ACCESS, { USER_OBJ, 6, NONE }, { GROUP_OBJ, 4, NONE }, { OTHER, 1, NONE }) == 0 ? 0 : errno);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == EPERM);
    unlink(name);
}

static void checked(void)
{
    const char *name = make_file("listed", "x");
    OK(chown(name, 500, 500));
    OK(SET(name, ACCESS, { USER_OBJ, 4, NONE }, { USER, 6, 1000 }, { USER, 7, 1001 }, { GROUP_OBJ, 2, NONE },
           { GROUP, 4, 2000 }, { MASK, 6, NONE }, { OTHER, 4, NONE }));
    RETURNS(0464, bits(name));
    struct list list;
    RETURNS(60, getxattr(name, ACCESS, &list, sizeof list));
    CHECK(list.version == 2 && list.entries[1].tag == USER && list.entries[1].id == 1000);
    RETURNS(0, opens(name, O_RDWR, 1000, 3000));
    RETURNS(0, opens(name, O_RDWR, 1001, 3000));
    RETURNS(EACCES, opens(name, O_RDWR, 500, 3000)); /* the owner is the owner */
    RETURNS(0, opens(name, O_RDONLY, 500, 3000));
    RETURNS(0, opens(name, O_WRONLY, 1002, 500));
    RETURNS(EACCES, opens(name, O_RDONLY, 1002, 500)); /* in a group, so not one of the others */
    RETURNS(0, opens(name, O_RDONLY, 1002, 2000));
    RETURNS(EACCES, opens(name, O_WRONLY, 1002, 2000));
    RETURNS(0, opens(name, O_RDONLY, 1002, 3000));
    RETURNS(EACCES, opens(name, O_WRONLY, 1002, 3000));
    RETURNS(0, opens(name, O_RDWR, 0, 0));
    OK(chmod(name, 0444)); /* the mask */
    RETURNS(EACCES, opens(name, O_RDWR, 1000, 3000));
    RETURNS(0, opens(name, O_RDONLY, 1000, 3000));
    OK(getxattr(name, ACCESS, &list, sizeof list));
    CHECK(list.entries[5].tag == MASK && list.entries[5].permissions == 4);
    CHECK(list.entries[3].tag == GROUP_OBJ && list.entries[3].permissions == 2);
    OK(removexattr(name, ACCESS));
    FAILS(ENODATA, getxattr(name, ACCESS, &list, sizeof list));
    RETURNS(0444, bits(name));
    unlink(name);
}

static void inherited(void)
{
    umask(077);
    OK(mkdir("family", 0755));
    OK(chmod("family", 0755));
    OK(SET("family", DEFAULT, { USER_OBJ, 7, NONE }, { USER, 7, 1000 }, { GROUP_OBJ, 5, NONE }, { MASK, 7, NONE },
           { OTHER, 5, NONE }));
    int fd = OK(open("family/file", O_CREAT | O_WRONLY, 0664));
    close(fd);
    RETURNS(0664, bits("family/file")); /* the umask has no say */
    struct list list;
    RETURNS(44, getxattr("family/file", ACCESS, &list, sizeof list));
    CHECK(list.entries[0].permissions == 6 && list.entries[1].permissions == 7 && list.entries[3].permissions == 6);
    RETURNS(0, opens("family/file", O_RDWR, 1000, 3000));
    RETURNS(EACCES, opens("family/file", O_RDWR, 1001, 3000));
    FAILS(ENODATA, getxattr("family/file", DEFAULT, &list, sizeof list));
    OK(mkdir("family/child", 0770));
    RETURNS(0770, bits("family/child"));
    RETURNS(44, getxattr("family/child", DEFAULT, &list, sizeof list));
    OK(mknod("family/fifo", S_IFIFO | 0666, 0));
    RETURNS(0664, bits("family/fifo"));
    OK(symlink("x", "family/link"));
    FAILS(EOPNOTSUPP, lgetxattr("family/link", ACCESS, &list, sizeof list));
    OK(SET("family", DEFAULT, { USER_OBJ, 7, NONE }, { GROUP_OBJ, 7, NONE }, { OTHER, 0, NONE }));
    OK(close(OK(open("family/plain", O_CREAT | O_WRONLY, 0666))));
    RETURNS(0660, bits("family/plain"));
    FAILS(ENODATA, getxattr("family/plain", ACCESS, &list, sizeof list));
    OK(removexattr("family", DEFAULT));
    OK(close(OK(open("family/masked", O_CREAT | O_WRONLY, 0666))));
    RETURNS(0600, bits("family/masked"));
    const char *names[] = { "family/file", "family/fifo", "family/link", "family/plain", "family/masked" };
    for (int i = 0; i < 5; i++)
        OK(unlink(names[i]));
    OK(rmdir("family/child"));
    OK(rmdir("family"));
}

int main(void)
{
    struct list list;
    make_file("probe", "");
    int supported = getxattr("probe", ACCESS, &list, sizeof list) < 0 && errno == ENODATA;
    unlink("probe");
    if (!supported)
        return 0; /* a filesystem of the host without lists */
    invalid();
    checked();
    inherited();
    return done();
}
