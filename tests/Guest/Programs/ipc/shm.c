/* System V shared memory: made, attached, shared with children, counted, removed. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

static long attachments(int id)
{
    struct shmid_ds state;
    return shmctl(id, IPC_STAT, &state) < 0 ? -1 : (long)state.shm_nattch;
}

static void keys(void)
{
    key_t key = 0x53420000 + getpid() % 1000;
    FAILS(ENOENT, shmget(key, 4096, 0));
    int id = OK(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600));
    FAILS(EEXIST, shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600));
    RETURNS(id, shmget(key, 4096, 0));
    RETURNS(id, shmget(key, 0, IPC_CREAT));
    FAILS(EINVAL, shmget(key, 8192, 0)); /* larger than it is */
    FAILS(EINVAL, shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    struct shmid_ds state;
    RETURNS(0, shmctl(id, IPC_STAT, &state));
    CHECK(state.shm_segsz == 5000);
    CHECK((state.shm_perm.mode & 0777) == 0600);
    CHECK(state.shm_perm.__key == key);
    CHECK(state.shm_perm.uid == geteuid() && state.shm_perm.cgid == getegid());
    CHECK(state.shm_cpid == getpid());
    CHECK(state.shm_nattch == 0 && state.shm_atime == 0 && state.shm_ctime != 0);
    state.shm_perm.mode = 0640;
    RETURNS(0, shmctl(id, IPC_SET, &state));
    RETURNS(0, shmctl(id, IPC_STAT, &state));
    CHECK((state.shm_perm.mode & 0777) == 0640);
    RETURNS(0, shmctl(id, IPC_RMID, NULL));
    CHECK(shmctl(id, IPC_RMID, NULL) == -1 && (errno == EINVAL || errno == EIDRM));
    FAILS(ENOENT, shmget(key, 4096, 0));
}

static void attaching(void)
{
    int id = OK(shmget(IPC_PRIVATE, 3 * 4096, IPC_CREAT | 0600));
    char *first = shmat(id, NULL, 0);
    CHECK(first != (void *)-1);
    char *second = shmat(id, NULL, SHM_RDONLY);
    CHECK(second != (void *)-1 && second != first);
    strcpy(first + 4096, "shared");
    CHECK(strcmp(second + 4096, "shared") == 0);
    RETURNS(2, attachments(id));

    IN_CHILD({
        CHECK(attachments(id) == 4); /* fork attaches once more what was attached */
        strcpy(first, "child");
        CHECK(shmdt(second) == 0);
        CHECK(attachments(id) == 3);
    });
    CHECK(strcmp(second, "child") == 0);
    RETURNS(2, attachments(id));

    int status;
    pid_t child = fork();
    if (child == 0) {
        second[0] = 'x';
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);

    RETURNS(0, shmdt(second));
    FAILS(EINVAL, shmdt(second));
    FAILS(EINVAL, shmdt(first + 4096));
    /* Removed: it lives on where it is attached, and says so. */
    RETURNS(0, shmctl(id, IPC_RMID, NULL));
    struct shmid_ds state;
    RETURNS(0, shmctl(id, IPC_STAT, &state));
    CHECK((state.shm_perm.mode & SHM_DEST) != 0);
    CHECK(strcmp(first, "child") == 0);
    char *third = shmat(id, NULL, 0); /* Linux allows this */
    CHECK(third != (void *)-1 && strcmp(third, "child") == 0);
    RETURNS(0, shmdt(third));
    RETURNS(0, shmdt(first));
    CHECK(shmctl(id, IPC_STAT, &state) == -1 && (errno == EINVAL || errno == EIDRM));
}

static void places(void)
{
    int id = OK(shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600));
    char *room = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(room, 65536);
    char *there = shmat(id, room + 4096, 0);
    CHECK(there == room + 4096);
    CHECK(shmat(id, room + 8192, 0) == (void *)-1 && errno == EINVAL); /* occupied */
    CHECK(shmat(id, room + 16384 + 7, 0) == (void *)-1 && errno == EINVAL); /* not aligned */
    char *rounded = shmat(id, room + 16384 + 7, SHM_RND);
    CHECK(rounded == room + 16384);
    CHECK(shmat(id, NULL, SHM_REMAP) == (void *)-1 && errno == EINVAL);
    strcpy(there, "kept");
    CHECK(shmat(id, rounded, SHM_REMAP) == rounded);
    CHECK(strcmp(rounded, "kept") == 0);
    OK(shmdt(there));
    OK(shmctl(id, IPC_RMID, NULL));
    CHECK(shmat(-1, NULL, 0) == (void *)-1 && errno == EINVAL);
}

static void ends(void)
{
    int id = OK(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
    IN_CHILD({ CHECK(shmat(id, NULL, 0) != (void *)-1); CHECK(attachments(id) == 1); });
    RETURNS(0, attachments(id)); /* exit detaches */
    pid_t child = fork();
    if (child == 0) {
        shmat(id, NULL, 0);
        execl("/proc/self/exe", "x", "nothing", NULL);
        _exit(1);
    }
    CHILD_OK(child);
    RETURNS(0, attachments(id)); /* and so does exec */
    struct shminfo limits;
    OK(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits));
    CHECK(limits.shmmin == 1 && limits.shmmni >= 4096);
    OK(shmctl(id, IPC_RMID, NULL));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 0;
    keys();
    attaching();
    places();
    ends();
    return done();
}
