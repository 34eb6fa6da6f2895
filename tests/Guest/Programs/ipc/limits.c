/* The sysctls of System V IPC belong to a namespace, are root's to write, and act. */
#include "check.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#define DIR "/proc/sys/kernel/"

static int put(const char *name, const char *value)
{
    char path[64];
    snprintf(path, sizeof path, DIR "%s", name);
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return errno;
    int error = write(fd, value, strlen(value)) < 0 ? errno : 0;
    close(fd);
    return error;
}

static const char *get(const char *name)
{
    static char text[128];
    char path[64];
    snprintf(path, sizeof path, DIR "%s", name);
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length - 1 : 0] = 0;
    return text;
}

static int lines(const char *name)
{
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/sysvipc/%s", name);
    int fd = open(path, O_RDONLY), count = 0;
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = 0; i < length; i++)
        count += text[i] == '\n';
    return count - 1;
}

static void segments(void)
{
    RETURNS(0, put("shmmax", "8192"));
    CHECK(strcmp(get("shmmax"), "8192") == 0);
    FAILS(EINVAL, shmget(IPC_PRIVATE, 8193, 0600));
    int first = OK(shmget(IPC_PRIVATE, 8192, 0600));
    RETURNS(0, put("shmmni", "1"));
    FAILS(ENOSPC, shmget(IPC_PRIVATE, 1, 0600));
    RETURNS(0, put("shmmni", "4096"));
    RETURNS(0, put("shmall", "3"));
    int second = OK(shmget(IPC_PRIVATE, 4096, 0600));
    FAILS(ENOSPC, shmget(IPC_PRIVATE, 4096, 0600));
    RETURNS(2, lines("shm"));
    OK(shmctl(second, IPC_RMID, NULL));
    second = OK(shmget(IPC_PRIVATE, 4096, 0600));
    RETURNS(EINVAL, put("shmmni", "32769"));
    RETURNS(EINVAL, put("shmmax", "x"));
    struct shminfo info;
    OK(shmctl(0, IPC_INFO, (struct shmid_ds *)&info));
    CHECK(info.shmmax == 8192 && info.shmall == 3 && info.shmmni == 4096);
    RETURNS(0, put("shm_next_id", "65541"));
    OK(shmctl(second, IPC_RMID, NULL));
    second = OK(shmget(IPC_PRIVATE, 4096, 0600));
    RETURNS(65541, second);
    CHECK(strcmp(get("shm_next_id"), "-1") == 0);
    OK(shmctl(second, IPC_RMID, NULL));
    OK(shmctl(first, IPC_RMID, NULL));
}

/* shm_rmid_forced: with the last attachment, and with the maker. */
static void orphans(void)
{
    int pipes[2], id;
    OK(pipe(pipes));
    IN_CHILD({ id = shmget(IPC_PRIVATE, 4096, 0600); CHECK(write(pipes[1], &id, sizeof id) == sizeof id); });
    RETURNS(sizeof id, read(pipes[0], &id, sizeof id));
    struct shmid_ds state;
    OK(shmctl(id, IPC_STAT, &state));
    int own = OK(shmget(IPC_PRIVATE, 4096, 0600));
    RETURNS(EINVAL, put("shm_rmid_forced", "2"));
    RETURNS(0, put("shm_rmid_forced", "1"));
    FAILS(EINVAL, shmctl(id, IPC_STAT, &state));
    OK(shmctl(own, IPC_STAT, &state));
    void *place = shmat(own, NULL, 0);
    OK(shmdt(place));
    FAILS(EINVAL, shmctl(own, IPC_STAT, &state));
    IN_CHILD({ id = shmget(IPC_PRIVATE, 4096, 0600); CHECK(write(pipes[1], &id, sizeof id) == sizeof id); });
    RETURNS(sizeof id, read(pipes[0], &id, sizeof id));
    FAILS(EINVAL, shmctl(id, IPC_STAT, &state));
    RETURNS(0, lines("shm"));
    close(pipes[0]);
    close(pipes[1]);
}

static void messages(void)
{
    struct { long type; char text[64]; } message = { 1, "" };
    RETURNS(0, put("msgmax", "16"));
    RETURNS(0, put("msgmnb", "24"));
    int queue = OK(msgget(IPC_PRIVATE, 0600));
    FAILS(EINVAL, msgsnd(queue, &message, 17, 0));
    OK(msgsnd(queue, &message, 16, 0));
    FAILS(EAGAIN, msgsnd(queue, &message, 16, IPC_NOWAIT));
    RETURNS(0, put("msgmni", "1"));
    FAILS(ENOSPC, msgget(IPC_PRIVATE, 0600));
    RETURNS(1, lines("msg"));
    struct msqid_ds state;
    OK(msgctl(queue, IPC_STAT, &state));
    CHECK(state.msg_qbytes == 24);
    OK(msgctl(queue, IPC_RMID, NULL));
}

static void semaphores(void)
{
    CHECK(strcmp(get("sem"), "32000\t1024000000\t500\t32000") == 0);
    RETURNS(0, put("sem", "4 6 2 3"));
    CHECK(strcmp(get("sem"), "4\t6\t2\t3") == 0);
    FAILS(EINVAL, semget(IPC_PRIVATE, 5, 0600));
    int set = OK(semget(IPC_PRIVATE, 4, 0600));
    FAILS(ENOSPC, semget(IPC_PRIVATE, 3, 0600));
    int other = OK(semget(IPC_PRIVATE, 2, 0600));
    struct sembuf operations[3] = { { 0, 1, 0 }, { 1, 1, 0 }, { 2, 1, 0 } };
    FAILS(E2BIG, semop(set, operations, 3));
    OK(semop(set, operations, 2));
    RETURNS(0, put("sem", "7"));
    CHECK(strcmp(get("sem"), "7\t6\t2\t3") == 0);
    RETURNS(2, lines("sem"));
    OK(semctl(other, 0, IPC_RMID));
    OK(semctl(set, 0, IPC_RMID));
    RETURNS(0, lines("sem"));
}

int main(void)
{
    char before[64];
    strcpy(before, get("shmmax"));
    IN_CHILD({ OK(unshare(CLONE_NEWIPC)); segments(); orphans(); messages(); semaphores(); });
    CHECK(strcmp(before, get("shmmax")) == 0);
    IN_CHILD({ OK(setuid(65534)); RETURNS(EACCES, put("shmmax", "4096")); });
    return done();
}
