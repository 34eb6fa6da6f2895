/* access(2), chmod(2), chown(2), umask(2), and what an ordinary user may do. */
#include "check.h"
#include <grp.h>

static void become(uid_t uid, gid_t gid)
{
    RETURNS(0, setgroups(0, NULL));
    RETURNS(0, setresgid(gid, gid, gid));
    RETURNS(0, setresuid(uid, uid, uid));
}

int main(void)
{
    struct stat st;
    RETURNS(0, chmod(".", 0777));
    umask(0);
    RETURNS(0, umask(027));
    int fd = OK(open("masked", O_CREAT | O_WRONLY, 0666));
    RETURNS(0, fstat(fd, &st));
    RETURNS(0640, st.st_mode & 07777);
    RETURNS(0, mkdir("maskeddir", 0777));
    RETURNS(0, stat("maskeddir", &st));
    RETURNS(0750, st.st_mode & 07777);
    RETURNS(027, umask(022));

    make_file("f", "text");
    RETURNS(0, chmod("f", 04755));
    RETURNS(0, stat("f", &st));
    RETURNS(04755, st.st_mode & 07777);
    RETURNS(0, fchmod(fd, 0600));
    RETURNS(0, fchmodat(AT_FDCWD, "f", 0600, 0));
    FAILS(ENOENT, chmod("missing", 0600));

    RETURNS(0, chown("f", 1000, 1001));
    RETURNS(0, stat("f", &st));
    CHECK(st.st_uid == 1000 && st.st_gid == 1001);
    RETURNS(0, chown("f", -1, 1002));
    RETURNS(0, stat("f", &st));
    CHECK(st.st_uid == 1000 && st.st_gid == 1002);
    RETURNS(0, symlink("f", "s"));
    RETURNS(0, lchown("s", 5, 5));
    RETURNS(0, lstat("s", &st));
    CHECK(st.st_uid == 5);
    RETURNS(0, stat("f", &st));
    CHECK(st.st_uid == 1000);

    /* root may read everything; execution needs one x bit. */
    RETURNS(0, access("f", R_OK | W_OK));
    FAILS(EACCES, access("f", X_OK));
    FAILS(EINVAL, access("f", 8));
    FAILS(ENOENT, access("missing", F_OK));

    make_file("roots", "r");
    RETURNS(0, chmod("roots", 0600));
    RETURNS(0, mkdir("closed", 0700));
    make_file("closed/in", "x");
    RETURNS(0, mkdir("sticky", 0777));
    RETURNS(0, chmod("sticky", 01777));
    make_file("sticky/roots", "r");
    RETURNS(0, mkdir("setgid", 0777));
    RETURNS(0, chown("setgid", 0, 77));
    RETURNS(0, chmod("setgid", 02777));
    make_file("group", "g");
    RETURNS(0, chown("group", 0, 1001));
    RETURNS(0, chmod("group", 0640));

    IN_CHILD({
        become(1000, 1001);
        FAILS(EACCES, open("roots", O_RDONLY));
        FAILS(EACCES, access("roots", R_OK));
        FAILS(EACCES, open("closed/in", O_RDONLY));
        FAILS(EACCES, stat("closed/in", &st));
        FAILS(EPERM, chmod("roots", 0777));
        FAILS(EPERM, chown("f", 0, 0));
        RETURNS(0, chown("f", 1000, 1001)); /* the owner may choose a group of his */
        RETURNS(0, chmod("f", 0400));
        FAILS(EACCES, open("f", O_RDWR));
        CHECK(open("f", O_RDONLY) >= 0);
        CHECK(open("group", O_RDONLY) >= 0);
        FAILS(EACCES, open("group", O_WRONLY));
        FAILS(EPERM, unlink("sticky/roots"));
        FAILS(EPERM, rename("sticky/roots", "sticky/mine"));
        make_file("sticky/mine", "m");
        RETURNS(0, unlink("sticky/mine"));
        make_file("setgid/x", "x");
        RETURNS(0, stat("setgid/x", &st));
        RETURNS(77, st.st_gid);
        RETURNS(0, mkdir("setgid/d", 0755));
        RETURNS(0, stat("setgid/d", &st));
        RETURNS(02755, st.st_mode & 07777);
        FAILS(EPERM, mknod("device", S_IFCHR | 0600, 0x103));
        RETURNS(0, mknod("plain", S_IFREG | 0600, 0));
        FAILS(EPERM, setuid(0));
    });

    /* A write by another takes the set-user-id bit away. */
    make_file("suid", "s");
    RETURNS(0, chmod("suid", 04777));
    IN_CHILD({
        become(1000, 1000);
        int own = OK(open("suid", O_WRONLY));
        RETURNS(1, write(own, "x", 1));
        RETURNS(0, fstat(own, &st));
        RETURNS(0777, st.st_mode & 07777);
    });
    return done();
}
