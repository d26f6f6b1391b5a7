/* Starts one run inside fresh namespaces, watches its limits from within, and says how it ended.
 *
 * Theory of operation. The agent keeps one "spawner" process per kind of run: this file as a program (`launcher
 * serve FD`, for anything that is exec'ed) or as a library inside a warm Python interpreter (the zygote, whose fork
 * *is* the candidate). Both take an order from a SOCK_SEQPACKET socket and make a *spare* of it:
 *
 *     spawner ── clone(user, pid, mount, ipc, uts) ──▶ warden (pid 1) ── fork ──▶ candidate (pid 2) ── exec / Python
 *
 * The warden builds the run's world (fresh tmpfs over the agent's own folders and over /box, /tmp, /dev/shm; fresh
 * /proc) and forks the candidate, which gives up all that it is not to have. So far nothing is known of the program:
 * both wait. The order brought the candidate's standard streams and one end of the status socket; on its other end
 * the agent sends the request, whenever it has one. The warden lays the program's files and passes the request on to
 * the candidate, which sets its limits, closes everything, and begins. A spare serves one run. One whose status socket
 * is closed ends without a word.
 *
 * From the request on the warden does nothing but watch: it sleeps in poll() on a
 * signalfd and on the status socket, and wakes on a timer to add up processor time and memory of every process in its
 * pid namespace. At a limit, at the agent's word, or when the candidate ends, it kills everything else in the
 * namespace, reaps it, and sends one struct status. When it exits the kernel destroys the namespaces with all that
 * was in them. The agent holds a pidfd of the warden as a backstop.
 *
 * Why a warden inside: pid 1 ignores signals sent from its own namespace, sees every descendant however often it
 * forked or called setsid, is told of each death, and its end is everybody's end. It is not dumpable, so the
 * candidate, though of the same user, can neither trace it nor read its memory.
 *
 * Where namespaces are refused, an order names a user id that no other run ever has. Then
 *
 *     spawner (root) ── fork ──▶ warden (root, sub-reaper) ── fork ──▶ candidate (the run's user) ── exec / Python
 *
 * and the warden tells the run's processes by their user, kills them by their user, and removes their files from the
 * three places that users can write to. It can, because it may take on the candidate's effective user for as long as
 * that takes. A jail of this kind is thrown away after each candidate. See docs/decisions/0010.
 *
 * Not covered here: output limits (the agent counts the bytes it reads), the network (the jail's namespace has none),
 * and memory that no process maps any more (a control group of the jail bounds that, where there is one).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ORDER_MAGIC 0x54534f32u   /* "TSO2" */
#define REQUEST_MAGIC 0x54534c32u /* "TSL2" */
#define REQUEST_BYTES_MAX (192 * 1024)
#define ARGUMENTS_MAX 4096
#define FDS_MAX 8

/* Request flags; which descriptors follow, in this order. */
#define HAS_PROGRAM 1u /* A folder copied into /box: the program's own files. */
#define HAS_FILES 2u   /* A second folder copied over it: the files of this run only. */
#define HAS_COLLECT 4u /* A folder that regular files of /box are copied to after an exit with status 0. */
#define HAS_CHANNEL 8u /* The conversation's socket; becomes descriptor 3. */

/* What a spare is made from; with it come stdin, stdout, stderr and the status socket. */
struct order {
    uint32_t magic, inodes;
    uint64_t world_bytes;           /* With `inodes`: what the world holds, unless the request says otherwise. */
    uint32_t run_user, warden_user; /* 0: namespaces. Else the run's own user, and one that nobody is. */
    uint32_t landlock;              /* The kernel's version of it; 0: none. */
    uint32_t filter_count;
    /* Then: filter_count struct sock_filter. */
};

/* What a spare is told to run. */
struct request {
    uint32_t magic, flags;
    uint64_t cpu_us, wall_us, memory_bytes, file_bytes, world_bytes, stack_bytes, data_bytes;
    uint32_t processes, open_files, inodes, argument_count, environment_count, unused;
    /* Then: argument_count strings, environment_count strings, each ended by NUL. */
};

enum stage { STAGE_FAILED = 1, STAGE_ENDED = 2 };
enum reason { REASON_NONE = 0, REASON_CPU = 1, REASON_WALL = 2, REASON_MEMORY = 3, REASON_ASKED = 4, REASON_COLLECT = 5 };

struct status {
    uint32_t magic, stage;
    int32_t error, wait_status;
    uint32_t reason, processes_left;
    uint64_t cpu_us, wall_us, peak_bytes, delay_us;
    uint32_t unclean, spare; /* Something of the run is still there: no further run may come to this jail. */
    char where[32];
};

struct parsed {
    struct order order;
    struct sock_filter *filter;
    int streams[4]; /* stdin, stdout, stderr, status */
    struct request head;
    char *arguments[ARGUMENTS_MAX + 1];
    char *environment[ARGUMENTS_MAX + 1];
    size_t texts_size;
    int fds[FDS_MAX];
    int fd_count;
};

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void report(int fd, const struct status *status) {
    while (send(fd, status, sizeof *status, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

/* The run never began: say which step refused, so that it becomes a fault and not a verdict. */
static void fail(int fd, const char *where) {
    struct status status;
    memset(&status, 0, sizeof status);
    status.magic = REQUEST_MAGIC;
    status.stage = STAGE_FAILED;
    status.error = errno;
    snprintf(status.where, sizeof status.where, "%s", where);
    report(fd, &status);
    _exit(70);
}

static int write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = write(fd, text, strlen(text));
    int saved = errno;
    close(fd);
    errno = saved;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* ---- Users: only where there are no namespaces ---- */

/* Effective user: the candidate's, so that its files and processes are ours to remove. Real user: nobody's, so that
 * kill(-1) spares root's processes. Saved user: root, so that there is a way back, and the candidate none to us. */
static int act_as_candidate(const struct order *order) {
    return syscall(SYS_setresuid, order->warden_user, order->run_user, 0);
}

static int act_as_root(void) { return syscall(SYS_setresuid, 0, 0, 0); }

/* ---- Copying: never follows a link, never blocks on a fifo, bounded in count, bytes and depth. ---- */

struct budget {
    uint64_t bytes;
    uint32_t entries;
};

static int copy_bytes(int from, int to, uint64_t size) {
    static char buffer[1 << 16];
    while (size > 0) {
        ssize_t n = read(from, buffer, size < sizeof buffer ? size : sizeof buffer);
        if (n < 0) return -1;
        if (n == 0) break;
        for (ssize_t done = 0; done < n;) {
            ssize_t m = write(to, buffer + done, (size_t)(n - done));
            if (m < 0) return -1;
            done += m;
        }
        size -= (uint64_t)n;
    }
    return 0;
}

/* A copy replaces what has the same name: files of one run win over the program's. */
static int copy_file(int from_folder, int to_folder, const char *name, struct budget *budget) {
    int from = openat(from_folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (from < 0) return errno == ELOOP || errno == ENXIO ? 0 : -1;
    struct stat facts;
    int result = 0;
    if (fstat(from, &facts) < 0) {
        result = -1;
    } else if (S_ISREG(facts.st_mode)) {
        if ((uint64_t)facts.st_size > budget->bytes) {
            errno = EFBIG;
            result = -1;
        } else {
            budget->bytes -= (uint64_t)facts.st_size;
            unlinkat(to_folder, name, 0);
            int to = openat(to_folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
            if (to < 0) {
                result = -1;
            } else {
                result = copy_bytes(from, to, (uint64_t)facts.st_size);
                if (result == 0) result = fchmod(to, (facts.st_mode & 0111) ? 0755 : 0644);
                close(to);
            }
        }
    }
    int saved = errno;
    close(from);
    errno = saved;
    return result;
}

static int copy_tree(int from, int to, int depth, struct budget *budget) {
    if (depth > 16) {
        errno = ELOOP;
        return -1;
    }
    int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0) return -1;
    DIR *folder = fdopendir(again);
    if (!folder) {
        close(again);
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(folder))) {
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
        if (budget->entries == 0) {
            errno = ENFILE;
            result = -1;
            break;
        }
        budget->entries--;
        struct stat facts;
        if (fstatat(from, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
            result = -1;
        } else if (S_ISDIR(facts.st_mode)) {
            if (mkdirat(to, name, 0755) < 0 && errno != EEXIST) {
                result = -1;
                break;
            }
            int a = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            int b = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            result = a < 0 || b < 0 ? -1 : copy_tree(a, b, depth + 1, budget);
            int saved = errno;
            if (a >= 0) close(a);
            if (b >= 0) close(b);
            errno = saved;
        } else if (S_ISREG(facts.st_mode)) {
            result = copy_file(from, to, name, budget);
        } /* Links, sockets, fifos and devices are left behind. */
    }
    int saved = errno;
    closedir(folder);
    errno = saved;
    return result;
}

/* ---- Watching ---- */

struct usage {
    uint64_t cpu_us, memory_bytes, delay_us, file_bytes_max; /* The last: of the process with the most. */
    uint32_t processes;
};

/* Processor time is summed in two ways, both lower bounds, of which the larger counts: what the living used and the
 * dead handed to their parents; and what every process was seen to use. The first misses children of a parent that
 * ignores SIGCHLD, the second the moments before a death. */
#define SEEN_MAX 65536
static uint32_t seen_ticks[SEEN_MAX];
static uint64_t seen_total_ticks;
static long ticks_per_s;

/* Where there are no namespaces: whose processes are counted, and what the jail's control group held before. */
static uid_t measured_user;
static uint64_t group_bytes_before;

static ssize_t read_at(int folder, const char *path, char *buffer, size_t size) {
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, buffer, size - 1);
    close(fd);
    if (n < 0) return -1;
    buffer[n] = 0;
    return n;
}

static uint64_t field_kb(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024u : 0;
}

/* Anonymous and shared pages of the whole jail, as its control group counts them; 0 where that cannot be read. */
static uint64_t group_bytes(void) {
    static char text[8192];
    static const char *const files[] = {"/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat"};
    static const char *const anon[] = {"anon ", "\ntotal_rss "}, *const shared[] = {"\nshmem ", "\ntotal_shmem "};
    for (int i = 0; i < 2; i++)
        if (read_at(AT_FDCWD, files[i], text, sizeof text) > 0) {
            const char *a = strstr(text, anon[i]), *b = strstr(text, shared[i]);
            if (a && b) return strtoull(a + strlen(anon[i]), NULL, 10) + strtoull(b + strlen(shared[i]), NULL, 10);
        }
    return 0;
}

/* Adds up every process of the namespace but this one, or every process of the run's user. `precise` divides shared pages among their sharers, which
 * costs a walk over the page tables, so it is asked for only before a memory verdict. */
static void measure(int proc, struct usage *usage, int precise) {
    static char text[4096], path[64];
    memset(usage, 0, sizeof *usage);
    int again = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = again < 0 ? NULL : fdopendir(again);
    if (!folder) {
        if (again >= 0) close(again);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !strcmp(entry->d_name, "1")) continue;
        if (measured_user) { /* Not the owner of the folder, which a process can make root by not being dumpable. */
            snprintf(path, sizeof path, "%.16s/status", entry->d_name);
            if (read_at(proc, path, text, sizeof text) <= 0) continue;
            const char *at = strstr(text, "\nUid:");
            if (!at || strtoul(at + 5, NULL, 10) != measured_user) continue;
        }
        usage->processes++;
        snprintf(path, sizeof path, "%.16s/stat", entry->d_name);
        if (read_at(proc, path, text, sizeof text) > 0) {
            /* Fields after the name, which may itself hold spaces and parentheses. */
            char *at = strrchr(text, ')');
            unsigned long long user = 0, system = 0;
            long long child_user = 0, child_system = 0;
            if (at && sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld", &user, &system,
                             &child_user, &child_system) == 4)
            {
                usage->cpu_us += (user + system + (uint64_t)child_user + (uint64_t)child_system) * 1000000u /
                                 (uint64_t)ticks_per_s;
                unsigned long pid = strtoul(entry->d_name, NULL, 10);
                if (pid < SEEN_MAX) {
                    uint32_t own = (uint32_t)(user + system);
                    seen_total_ticks += own >= seen_ticks[pid] ? own - seen_ticks[pid] : own; /* Less: a new owner. */
                    seen_ticks[pid] = own;
                }
            }
        }
        snprintf(path, sizeof path, "%.16s/schedstat", entry->d_name);
        if (read_at(proc, path, text, sizeof text) > 0) {
            unsigned long long ran = 0, waited = 0;
            if (sscanf(text, "%llu %llu", &ran, &waited) == 2) usage->delay_us += waited / 1000u;
        }
        uint64_t bytes = 0, file_bytes = 0;
        if (precise && !measured_user) {
            snprintf(path, sizeof path, "%.16s/smaps_rollup", entry->d_name);
            if (read_at(proc, path, text, sizeof text) > 0)
                bytes = field_kb(text, "\nPss_Anon:") + field_kb(text, "\nPss_Shmem:");
        }
        if (bytes == 0) {
            snprintf(path, sizeof path, "%.16s/status", entry->d_name);
            if (read_at(proc, path, text, sizeof text) > 0)
                bytes = field_kb(text, "\nRssAnon:") + field_kb(text, "\nRssShmem:");
            file_bytes = field_kb(text, "\nRssFile:");
        }
        usage->memory_bytes += bytes;
        if (file_bytes > usage->file_bytes_max) usage->file_bytes_max = file_bytes;
    }
    closedir(folder);
    if (precise && measured_user && group_bytes_before) { /* Another user's page tables are not ours to walk. */
        uint64_t now = group_bytes(), grown = now > group_bytes_before ? now - group_bytes_before : 0;
        if (now && grown < usage->memory_bytes) usage->memory_bytes = grown;
    }
}

static uint64_t reaped_cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* ---- The warden: pid 1 of the run ---- */

static void keep_capabilities(uint64_t wanted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    data[0].effective = data[0].permitted = (uint32_t)wanted;
    data[1].effective = data[1].permitted = (uint32_t)(wanted >> 32);
    syscall(SYS_capset, &header, data);
}

static void bind_or_fail(int status_fd, const char *from, const char *to) {
    if (mount(from, to, NULL, MS_BIND, NULL) < 0) fail(status_fd, to);
}

/* Goes to /box; returns a descriptor of /proc. */
static int enter_world(int status_fd, int *box) {
    *box = open("/box", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*box < 0) fail(status_fd, "box");
    if (chdir("/box") < 0) fail(status_fd, "chdir");
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) fail(status_fd, "open proc");
    return proc;
}

/* Copies the program's files into /box, and then those of this run. */
static void lay_program(const struct parsed *request, int status_fd, int box) {
    struct budget budget = {1ull << 40, 100000};
    int next = 0;
    if (request->head.flags & HAS_PROGRAM)
        if (copy_tree(request->fds[next++], box, 0, &budget) < 0) fail(status_fd, "copy program");
    if (request->head.flags & HAS_FILES)
        if (copy_tree(request->fds[next++], box, 0, &budget) < 0) fail(status_fd, "copy files");
}

static void describe_size(char *text, size_t size, uint64_t bytes, uint32_t inodes) {
    snprintf(text, size, "size=%llu,nr_inodes=%u,mode=0755", (unsigned long long)bytes, inodes);
}

/* There are kernels that take the flags of clone() and do not do what they say. */
static const char *const spaces[] = {"user", "pid", "mnt", "ipc", "uts"};
#define SPACES (sizeof spaces / sizeof *spaces)
static ino_t spawner_spaces[SPACES];

static ino_t space(size_t which) {
    char path[64];
    struct stat facts;
    snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[which]);
    return stat(path, &facts) < 0 ? 0 : facts.st_ino;
}

static void check_spaces(int status_fd) {
    errno = ENOSYS;
    for (size_t i = 0; i < SPACES; i++) {
        ino_t ours = space(i);
        if (!ours || !spawner_spaces[i] || ours == spawner_spaces[i]) fail(status_fd, "no namespaces of its own");
    }
}

/* Fresh files, processes and names; returns a descriptor of the namespace's own /proc. */
static int build_world(const struct order *order, uid_t uid, gid_t gid, int status_fd, int *box) {
    char text[128];
    check_spaces(status_fd);
    /* The maps can be written only while /proc/self belongs to us, that is, while we are dumpable. */
    prctl(PR_SET_DUMPABLE, 1);
    if (write_text("/proc/self/setgroups", "deny") < 0 && errno != ENOENT) fail(status_fd, "setgroups");
    snprintf(text, sizeof text, "1000 %u 1", (unsigned)uid);
    if (write_text("/proc/self/uid_map", text) < 0) fail(status_fd, "uid_map");
    snprintf(text, sizeof text, "1000 %u 1", (unsigned)gid);
    if (write_text("/proc/self/gid_map", text) < 0) fail(status_fd, "gid_map");
    prctl(PR_SET_DUMPABLE, 0);

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail(status_fd, "private");
    describe_size(text, sizeof text, order->world_bytes, order->inodes);
    if (mount("tmpfs", "/jail", "tmpfs", MS_NOSUID | MS_NODEV, text) < 0) fail(status_fd, "tmpfs");
    if (mkdir("/jail/box", 0755) < 0 || mkdir("/jail/tmp", 01777) < 0 || mkdir("/jail/shm", 01777) < 0 ||
        mkdir("/jail/none", 0555) < 0 || chmod("/jail/tmp", 01777) < 0 || chmod("/jail/shm", 01777) < 0)
        fail(status_fd, "folders");
    bind_or_fail(status_fd, "/jail/box", "/box");
    bind_or_fail(status_fd, "/jail/tmp", "/tmp");
    bind_or_fail(status_fd, "/jail/shm", "/dev/shm");
    bind_or_fail(status_fd, "/jail/none", "/touchstone");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) fail(status_fd, "proc");
    /* Terminals of its own, or none: those of the jail keep modes and times, and "ptmx" may be ours to close to others. */
    if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,max=64") < 0)
        bind_or_fail(status_fd, "/jail/none", "/dev/pts");
    if (sethostname("sandbox", 7) < 0) fail(status_fd, "hostname");

    return enter_world(status_fd, box);
}

/* The places that any user can write to, in a jail without namespaces. */
static const char *const shared_places[] = {"/box", "/tmp", "/dev/shm"};
#define SHARED_PLACES (sizeof shared_places / sizeof *shared_places)

/* Nothing is made: the places are there, and empty. */
static int share_world(const struct order *order, int status_fd, int *box) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) fail(status_fd, "sub-reaper");
    measured_user = order->run_user;
    return enter_world(status_fd, box);
}

/* The world becomes that of the request: its size and its files. */
static void fill_world(const struct parsed *request, int status_fd, int box) {
    const struct order *order = &request->order;
    const struct request *head = &request->head;
    if (order->run_user) {
        group_bytes_before = group_bytes();
        if (act_as_candidate(order) < 0) fail(status_fd, "candidate's user");
        lay_program(request, status_fd, box);
        if (act_as_root() < 0) fail(status_fd, "root's user");
        return;
    }
    if (head->world_bytes != order->world_bytes || head->inodes != order->inodes) {
        char text[128];
        describe_size(text, sizeof text, head->world_bytes, head->inodes);
        if (mount(NULL, "/jail", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, text) < 0) fail(status_fd, "size of files");
    }
    lay_program(request, status_fd, box);
}

/* Empties a folder whose owner we act as, in a time that the number of its files bounds, however deep they lie: what a
 * folder holds is moved up to the top before it is looked into. Nobody of that user lives, so nothing changes meanwhile. */
static int empty_folder(const char *path) {
    int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0) return -1;
    unsigned long serial = 0;
    for (int again = 1; again;) {
        again = 0;
        int copy = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = copy < 0 ? NULL : fdopendir(copy);
        if (!folder) break;
        struct dirent *entry;
        while ((entry = readdir(folder))) {
            const char *name = entry->d_name;
            if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
            if (unlinkat(top, name, 0) == 0 || unlinkat(top, name, AT_REMOVEDIR) == 0) {
                again = 1;
                continue;
            }
            int inner = fchmodat(top, name, 0700, 0) < 0 ? -1 : openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            DIR *within = inner < 0 ? NULL : fdopendir(inner);
            if (!within) {
                if (inner >= 0) close(inner);
                continue;
            }
            struct dirent *child;
            while ((child = readdir(within))) {
                if (!strcmp(child->d_name, ".") || !strcmp(child->d_name, "..")) continue;
                if (unlinkat(inner, child->d_name, 0) == 0) continue;
                char moved[32];
                snprintf(moved, sizeof moved, ".%d-%lu", (int)getpid(), serial++);
                fchmodat(inner, child->d_name, 0700, 0); /* A folder can be moved only by who may write in it. */
                if (renameat(inner, child->d_name, top, moved) == 0) again = 1;
            }
            closedir(within);
            if (unlinkat(top, name, AT_REMOVEDIR) == 0) again = 1;
        }
        closedir(folder);
    }
    close(top);
    return 0;
}

static int is_empty(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return errno == ENOENT;
    struct dirent *entry;
    int found = 0;
    while (!found && (entry = readdir(folder))) found = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(folder);
    return !found;
}

/* The end of a run without namespaces: its files go, and that is checked. Returns whether all is as before. */
static int sweep(const struct order *order) {
    int clean = 1;
    if (act_as_candidate(order) < 0) return 0;
    for (size_t i = 0; i < SHARED_PLACES; i++) empty_folder(shared_places[i]);
    if (act_as_root() < 0) return 0;
    for (size_t i = 0; i < SHARED_PLACES; i++) clean = clean && is_empty(shared_places[i]);
    return clean && is_empty("/dev/mqueue");
}

static void limit(int status_fd, int which, uint64_t soft, uint64_t hard) {
    struct rlimit value = {soft, hard};
    if (setrlimit(which, &value) < 0) fail(status_fd, "rlimit");
}

/* Landlock, from linux/landlock.h of a kernel that knows version 6; older headers lack what newer kernels have. */
struct landlock_rules {
    uint64_t files, network, scoped;
};
struct landlock_place {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));
#define LANDLOCK_WRITE (1ull << 1)
#define LANDLOCK_REMOVE (3ull << 4)
#define LANDLOCK_MAKE_DEVICE (1ull << 6 | 1ull << 11)
#define LANDLOCK_MAKE (1ull << 7 | 1ull << 8 | 1ull << 9 | 1ull << 10 | 1ull << 12)
#define LANDLOCK_REFER (1ull << 13)
#define LANDLOCK_TRUNCATE (1ull << 14)
#define LANDLOCK_NO_SIGNAL_OUT (1ull << 1)
#define LANDLOCK_NO_ABSTRACT_SOCKET_OUT (1ull << 0)

/* A wall behind the mounts: nothing is written, made or removed but where a run has its own files, and no signal goes
 * to anyone outside the run. Reading is not covered: what may not be read is not there. */
static void forbid_writing_elsewhere(uint32_t version, int status_fd) {
    uint64_t inside = LANDLOCK_WRITE | LANDLOCK_REMOVE | LANDLOCK_MAKE | LANDLOCK_REFER;
    uint64_t existing = LANDLOCK_WRITE;
    if (version >= 3) {
        inside |= LANDLOCK_TRUNCATE;
        existing |= LANDLOCK_TRUNCATE;
    }
    struct landlock_rules rules = {inside | LANDLOCK_MAKE_DEVICE, 0, 0};
    if (version >= 6) rules.scoped = LANDLOCK_NO_SIGNAL_OUT | LANDLOCK_NO_ABSTRACT_SOCKET_OUT;
    size_t size = version >= 6 ? sizeof rules : sizeof rules.files;
    int set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (set < 0) fail(status_fd, "landlock");
    const struct {
        const char *path;
        uint64_t allowed;
    } places[] = {{"/box", inside}, {"/tmp", inside}, {"/dev/shm", inside}, {"/dev", existing}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct landlock_place place = {places[i].allowed, open(places[i].path, O_PATH | O_CLOEXEC)};
        if (place.folder < 0 || syscall(SYS_landlock_add_rule, set, 1, &place, 0) < 0) fail(status_fd, places[i].path);
        close(place.folder);
    }
    if (syscall(SYS_landlock_restrict_self, set, 0) < 0) fail(status_fd, "landlock");
    close(set);
}

/* Everything that is taken away from the candidate before it knows its program. */
static void confine(const struct parsed *request) {
    const struct order *order = &request->order;
    int status_fd = request->streams[3];
    sigset_t none;
    setsid();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail(status_fd, "no new privileges");
    /* Should the kernel run out of memory, this dies, not the agent, and must not be able to change that: /proc becomes
     * read-only, and where it is not the run's own Landlock forbids writing there. The file is ours only while we are
     * dumpable. */
    prctl(PR_SET_DUMPABLE, 1);
    if (write_text("/proc/self/oom_score_adj", "1000") < 0) fail(status_fd, "oom_score_adj");
    if (!order->run_user &&
        mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        fail(status_fd, "read-only proc");
    if (order->landlock) forbid_writing_elsewhere(order->landlock, status_fd);
    for (int capability = 0; capability < 64 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) >= 0; capability++) {
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (order->run_user) { /* Root no more, nor anything of root's: no capability survives this. */
        uid_t real, effective, saved;
        if (setgroups(0, NULL) < 0) fail(status_fd, "groups");
        if (syscall(SYS_setresgid, order->run_user, order->run_user, order->run_user) < 0) fail(status_fd, "group");
        if (syscall(SYS_setresuid, order->run_user, order->run_user, order->run_user) < 0) fail(status_fd, "user");
        errno = EPERM;
        if (getresuid(&real, &effective, &saved) < 0 || real != order->run_user || effective != real || saved != real)
            fail(status_fd, "user");
    }
    keep_capabilities(0);
    umask(022);
    prctl(PR_SET_DUMPABLE, 1); /* Its own memory is its own: without this /dev/stdin cannot be opened. */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct sock_fprog program = {(unsigned short)order->filter_count, request->filter};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
        fail(status_fd, "system-call filter");
    /* The sources all lie above 9, so that none is overwritten before it is used. */
    for (int i = 0; i < 3; i++)
        if (dup2(request->streams[i], i) < 0) fail(status_fd, "dup2");
}

/* What the request says of a run, and the end of all descriptors but its own. */
static void set_limits(const struct parsed *request) {
    const struct request *head = &request->head;
    int status_fd = request->streams[3];
    uint64_t cpu_s = head->cpu_us / 1000000u + 2;
    limit(status_fd, RLIMIT_CPU, cpu_s, cpu_s + 1); /* A backstop: the warden counts exactly. */
    limit(status_fd, RLIMIT_CORE, 0, 0);
    limit(status_fd, RLIMIT_FSIZE, head->file_bytes, head->file_bytes);
    limit(status_fd, RLIMIT_STACK, head->stack_bytes, head->stack_bytes);
    if (head->data_bytes) limit(status_fd, RLIMIT_DATA, head->data_bytes, head->data_bytes);
    limit(status_fd, RLIMIT_NOFILE, head->open_files, head->open_files);
    limit(status_fd, RLIMIT_MEMLOCK, 0, 0);
    limit(status_fd, RLIMIT_MSGQUEUE, 0, 0);
    limit(status_fd, RLIMIT_NICE, 0, 0);
    limit(status_fd, RLIMIT_RTPRIO, 0, 0);
    /* The warden counts as one where its user is the run's. */
    uint32_t counted = head->processes + !request->order.run_user;
    limit(status_fd, RLIMIT_NPROC, counted, counted);
    int has_channel = !!(head->flags & HAS_CHANNEL);
    if (has_channel && dup2(request->fds[0], 3) < 0) fail(status_fd, "dup2 channel");
    /* Last, since nothing can be reported after it. */
    if (syscall(SYS_close_range, 3u + (unsigned)has_channel, ~0u, 0) < 0) fail(status_fd, "close_range");
}

static void kill_and_reap(const struct order *order, int main_pid, int *wait_status, int *main_seen) {
    for (;;) {
        /* Without namespaces "everybody" is everybody of the user we act as, and must never be everybody of root. */
        if (!order->run_user) {
            kill(-1, SIGKILL);
        } else {
            if (!*main_seen) kill(main_pid, SIGKILL); /* It may not have become the run's user yet. */
            if (act_as_candidate(order) == 0) {
                kill(-1, SIGKILL);
                act_as_root();
            }
        }
        int status;
        pid_t pid = wait4(-1, &status, __WALL, NULL);
        if (pid < 0 && errno == ECHILD) return;
        if (pid == main_pid) {
            *wait_status = status;
            *main_seen = 1;
        }
    }
}

/* Time spent waiting for a processor is not held against a run, up to so many times its wall limit in all. The same is
 * said to the agent and the runner in protocol.py. */
#define STARVED_FACTOR 4u

/* What the pages of files are taken to be in a run that ended before the first look. */
#define FILES_UNSEEN (128u << 20)

/* Watches until the candidate ends or must end; never returns. `deaths` is a signalfd. */
static void watch(const struct parsed *request, int main_pid, int deaths, int proc, int box) {
    const struct request *head = &request->head;
    const struct order *order = &request->order;
    int status_fd = request->streams[3];
    struct status result;
    struct usage usage;
    int main_seen = 0;
    uint64_t started = now_us(), seen_cpu = 0, interval = 5000, files = FILES_UNSEEN;
    uint64_t wall_end = started + head->wall_us, credit_max = head->wall_us * (STARVED_FACTOR - 1);
    memset(&result, 0, sizeof result);
    result.magic = REQUEST_MAGIC;
    result.stage = STAGE_ENDED;

    keep_capabilities(order->run_user ? 1ull << CAP_SETUID : (1ull << CAP_SYS_PTRACE) | (1ull << CAP_KILL));

    uint64_t next_look = started + interval;
    while (!main_seen && result.reason == REASON_NONE) {
        uint64_t now = now_us();
        if (now >= wall_end) {
            measure(proc, &usage, 0);
            if (usage.delay_us > result.delay_us) result.delay_us = usage.delay_us;
            wall_end = started + head->wall_us + (result.delay_us < credit_max ? result.delay_us : credit_max);
            if (now >= wall_end) {
                result.reason = REASON_WALL;
                break;
            }
        }
        if (now >= next_look) {
            measure(proc, &usage, 0);
            uint64_t cpu = usage.cpu_us + reaped_cpu_us();
            uint64_t other = seen_total_ticks * 1000000u / (uint64_t)ticks_per_s;
            if (cpu < other) cpu = other;
            if (cpu > seen_cpu) seen_cpu = cpu;
            if (usage.delay_us > result.delay_us) result.delay_us = usage.delay_us;
            if (usage.processes) files = usage.file_bytes_max;
            if (usage.memory_bytes > head->memory_bytes && usage.processes > 1) measure(proc, &usage, 1);
            if (usage.memory_bytes > result.peak_bytes) result.peak_bytes = usage.memory_bytes;
            if (usage.memory_bytes > head->memory_bytes) {
                result.reason = REASON_MEMORY;
                break;
            }
            if (seen_cpu >= head->cpu_us) {
                result.reason = REASON_CPU;
                break;
            }
            /* Looking must not cost more than a few hundredths of the time it is paid for. */
            uint64_t cost = now_us() - now;
            interval = now - started < 200000 ? 10000 : 20000;
            if (usage.memory_bytes > head->memory_bytes / 2) interval = 5000;
            if (interval < cost * 20) interval = cost * 20;
            next_look = now_us() + interval;
        }
        uint64_t until = wall_end < next_look ? wall_end : next_look;
        now = now_us();
        uint64_t left = until > now ? until - now : 0;
        struct timespec wait = {(time_t)(left / 1000000u), (long)(left % 1000000u) * 1000};
        struct pollfd polled[2] = {{deaths, POLLIN, 0}, {status_fd, POLLIN, 0}};
        if (ppoll(polled, 2, &wait, NULL) <= 0) continue;
        if (polled[1].revents) { /* A message means "kill", an end of file that the agent is gone: the same to us. */
            char word[16]; /* Read, since a socket closed with words unread resets the other end, report and all. */
            while (recv(status_fd, word, sizeof word, MSG_DONTWAIT) > 0) {
            }
            result.reason = REASON_ASKED;
            break;
        }
        if (polled[0].revents) {
            struct signalfd_siginfo unused;
            while (read(deaths, &unused, sizeof unused) > 0) {
            }
            int status;
            pid_t pid;
            while ((pid = wait4(-1, &status, WNOHANG | __WALL, NULL)) > 0)
                if (pid == main_pid) {
                    result.wait_status = status;
                    main_seen = 1;
                    break;
                }
        }
    }
    uint64_t ended = now_us();
    if (main_seen) { /* What it left behind ends with it. */
        measure(proc, &usage, 0);
        result.processes_left = usage.processes;
    }
    kill_and_reap(order, main_pid, &result.wait_status, &main_seen);
    struct rusage total;
    getrusage(RUSAGE_CHILDREN, &total);
    result.cpu_us = reaped_cpu_us();
    if (seen_cpu > result.cpu_us) result.cpu_us = seen_cpu; /* Children of one that ignores SIGCHLD are not in rusage. */
    result.wall_us = ended - started;
    uint64_t resident = (uint64_t)total.ru_maxrss * 1024u;
    if (resident > result.peak_bytes) result.peak_bytes = resident;
    if (result.reason == REASON_NONE && result.cpu_us > head->cpu_us) result.reason = REASON_CPU;
    /* The kernel's own peak catches what grew since the last look. It counts pages of files (libraries) too. */
    if (result.reason == REASON_NONE && resident > head->memory_bytes + files) result.reason = REASON_MEMORY;

    if ((head->flags & HAS_COLLECT) && result.reason == REASON_NONE && WIFEXITED(result.wait_status) &&
        WEXITSTATUS(result.wait_status) == 0) {
        struct budget budget = {head->file_bytes, 2000};
        int collect = request->fds[request->fd_count - 1 - ((head->flags & HAS_CHANNEL) ? 1 : 0)];
        int refused = order->run_user && act_as_candidate(order) < 0;
        if (refused || copy_tree(box, collect, 0, &budget) < 0) {
            result.reason = REASON_COLLECT;
            result.error = errno;
        }
        if (order->run_user && act_as_root() < 0) fail(status_fd, "root's user");
    }
    result.unclean = order->run_user && !sweep(order);
    char late[16]; /* As above: the agent may have asked in the meantime. */
    while (recv(status_fd, late, sizeof late, MSG_DONTWAIT) > 0) {
    }
    report(status_fd, &result);
    _exit(0);
}

/* ---- Pages that a fork writes to ---- */

/* A fork shares its parent's pages until it writes to them, and pays a fault for each. Those that every program writes to
 * are copied in one go instead, which costs half as much. Only a saving: where the kernel cannot, nothing is lost. */
struct stretch {
    uintptr_t start;
    size_t size;
};
#define EXPECTED_MAX 1024
static struct stretch expected[EXPECTED_MAX];
static int expected_count;

static void copy_expected_pages(void) {
    const int populate_write = 23; /* MADV_POPULATE_WRITE, Linux 5.14. */
    for (int i = 0; i < expected_count; i++)
        if (madvise((void *)expected[i].start, expected[i].size, populate_write) < 0 && errno == EINVAL) return;
}

/* Writes which pages of writable memory are ours alone to a pipe, as stretches. Called in a fork that has gone the way of
 * a program. In C and on the stack, which is left out, since looking must not change what is seen. */
void touchstone_tell_own_pages(int pipe_fd) {
    const uint64_t present = 1ull << 63, exclusive = 1ull << 56; /* Of a word of pagemap: mapped, and by nobody else. */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    static const char stack_name[] = "[stack]";
    char text[1 << 16];
    uint64_t words[512];
    struct stretch found[EXPECTED_MAX], *last = NULL;
    int count = 0, maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), pages = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t n;
    while (maps >= 0 && size < sizeof text - 1 && (n = read(maps, text + size, sizeof text - 1 - size)) > 0) size += (size_t)n;
    text[size] = 0;
    for (char *line = text, *end; pages >= 0 && (end = strchr(line, '\n')); line = end + 1) {
        unsigned long long from, to;
        char rights[5];
        *end = 0;
        if (sscanf(line, "%llx-%llx %4s", &from, &to, rights) != 3 || strncmp(rights, "rw", 2) || strstr(line, stack_name))
            continue;
        for (uint64_t at = from; at < to;) {
            uint64_t wanted = (to - at) / page < 512 ? (to - at) / page : 512;
            n = pread(pages, words, wanted * sizeof *words, (off_t)(at / page * sizeof *words));
            if (n <= 0) break;
            for (size_t i = 0; i < (size_t)n / sizeof *words; i++, at += page) {
                if (!(words[i] & present) || !(words[i] & exclusive)) continue;
                if (last && last->start + last->size == at) {
                    last->size += page;
                } else if (count < EXPECTED_MAX) {
                    last = &found[count++];
                    *last = (struct stretch){at, page};
                }
            }
        }
    }
    if (write(pipe_fd, found, (size_t)count * sizeof *found) < 0) return; /* Then nothing is expected. */
}

/* ---- Orders and requests ---- */

static char order_bytes[sizeof(struct order) + 4096 * sizeof(struct sock_filter)];
static char request_bytes[REQUEST_BYTES_MAX];
static struct parsed current;
static int go_fd = -1; /* The candidate's end of the socket on which its warden passes the request on. */

static int parse_order(struct parsed *parsed, size_t size, int fd_count) {
    if (size < sizeof parsed->order) return -1;
    memcpy(&parsed->order, order_bytes, sizeof parsed->order);
    const struct order *order = &parsed->order;
    if (order->magic != ORDER_MAGIC || order->filter_count > 4096) return -1;
    parsed->filter = (struct sock_filter *)(order_bytes + sizeof *order);
    return size == sizeof *order + order->filter_count * sizeof(struct sock_filter) && fd_count == 4 ? 0 : -1;
}

static int parse_request(struct parsed *parsed, size_t size) {
    if (size < sizeof parsed->head) return -1;
    memcpy(&parsed->head, request_bytes, sizeof parsed->head);
    const struct request *head = &parsed->head;
    if (head->magic != REQUEST_MAGIC || head->argument_count == 0) return -1;
    if (head->argument_count > ARGUMENTS_MAX || head->environment_count > ARGUMENTS_MAX) return -1;
    size_t at = sizeof parsed->head;
    if (request_bytes[size - 1] != 0) return -1;
    for (uint32_t i = 0; i < head->argument_count + head->environment_count; i++) {
        if (at >= size) return -1;
        char **slot = i < head->argument_count ? &parsed->arguments[i]
                                               : &parsed->environment[i - head->argument_count];
        *slot = request_bytes + at;
        at += strlen(request_bytes + at) + 1;
    }
    parsed->texts_size = (size_t)(request_bytes + at - parsed->arguments[0]);
    parsed->arguments[head->argument_count] = NULL;
    parsed->environment[head->environment_count] = NULL;
    return 0;
}

static int fds_wanted(uint32_t flags) {
    return !!(flags & HAS_PROGRAM) + !!(flags & HAS_FILES) + !!(flags & HAS_COLLECT) + !!(flags & HAS_CHANNEL);
}

/* One message and its descriptors, all of them above 9: out of the way of 0 to 3, see confine(). */
static ssize_t receive(int sock, char *bytes, size_t bytes_max, int *fds, int *fd_count) {
    char control[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    struct iovec part = {bytes, bytes_max};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size;
    do {
        size = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    *fd_count = 0;
    if (size <= 0) return size;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            int count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            for (int i = 0; i < count && *fd_count < FDS_MAX; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + sizeof(int) * (size_t)i, sizeof fd);
                if (fd < 10) {
                    int higher = fcntl(fd, F_DUPFD_CLOEXEC, 10);
                    close(fd);
                    fd = higher;
                }
                fds[(*fd_count)++] = fd;
            }
        }
    return size;
}

/* One message, and a descriptor with it unless that is -1. The kernel refuses it (ETOOMANYREFS) while processes of our user
 * have more descriptors on their way than we may open files: a run that is ending, which is waited for. */
static int give(int sock, const void *bytes, size_t size, int fd) {
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(control, 0, sizeof control);
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    const uint64_t until = now_us() + 60 * 1000000u;
    const struct timespec pause = {0, 2000000};
    while (sendmsg(sock, &message, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR) continue;
        if (errno != ETOOMANYREFS || now_us() >= until) return -1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* The answer to an order: 0, the warden's process id and a pidfd of it; or an error number. */
static int answer(int sock, int32_t error, int32_t pid, int pidfd) {
    int32_t words[2] = {error, pid};
    return give(sock, words, sizeof words, pidfd);
}

/* The warden of a spare: waits for its request, sees it off, and watches. Never returns. */
static void serve_request(int main_pid, int to_candidate, int proc, int box) {
    int status_fd = current.streams[3];
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    int deaths = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (deaths < 0) fail(status_fd, "signalfd");
    struct pollfd polled[2] = {{deaths, POLLIN, 0}, {status_fd, POLLIN, 0}};
    while (poll(polled, 2, -1) < 0) {
    }
    ssize_t size = 0;
    /* A candidate that dies now has met no program. The agent takes another spare when it finds this one gone. */
    if (!polled[0].revents) size = receive(status_fd, request_bytes, sizeof request_bytes, current.fds, &current.fd_count);
    if (size <= 0) {
        int unused_status, unused_seen = 0;
        kill_and_reap(&current.order, main_pid, &unused_status, &unused_seen);
        _exit(0);
    }
    errno = EINVAL;
    if (parse_request(&current, (size_t)size) < 0 || current.fd_count != fds_wanted(current.head.flags))
        fail(status_fd, "request");
    fill_world(&current, status_fd, box);
    int channel = current.head.flags & HAS_CHANNEL ? current.fds[current.fd_count - 1] : -1;
    if (give(to_candidate, request_bytes, (size_t)size, channel) < 0) fail(status_fd, "candidate");
    close(to_candidate);
    if (channel >= 0) close(channel); /* Else the agent would never see it close. */
    watch(&current, main_pid, deaths, proc, box);
}

/* Takes one order and makes a spare.
 * Returns 0 in the spawner, -1 there when the agent is gone, and 1 in the candidate: confined, in /box, on its own
 * streams, and without a program until touchstone_await() returns.
 */
int touchstone_next(int sock) {
    int fds[FDS_MAX], fd_count, pidfd = -1, go[2];
    ssize_t size = receive(sock, order_bytes, sizeof order_bytes, fds, &fd_count);
    if (size <= 0) return -1;
    if (parse_order(&current, (size_t)size, fd_count) < 0) {
        for (int i = 0; i < fd_count; i++) close(fds[i]);
        return answer(sock, EINVAL, 0, -1);
    }
    memcpy(current.streams, fds, sizeof current.streams);
    uid_t uid = geteuid();
    gid_t gid = getegid();
    unsigned long separate = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    if (current.order.run_user) separate = 0;
    long pid = syscall(SYS_clone, separate | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
    if (pid != 0) {
        int error = pid < 0 ? errno : 0;
        for (int i = 0; i < 4; i++) close(fds[i]);
        int sent = answer(sock, error, (int32_t)pid, pidfd);
        if (pidfd >= 0) close(pidfd);
        return sent;
    }

    /* We are the warden. */
    int status_fd = current.streams[3], box = -1;
    close(sock);
    signal(SIGCHLD, SIG_DFL);
    setsid();
    ticks_per_s = sysconf(_SC_CLK_TCK);
    int proc = current.order.run_user ? share_world(&current.order, status_fd, &box)
                                      : build_world(&current.order, uid, gid, status_fd, &box);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, go) < 0) fail(status_fd, "socketpair");
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pid_t candidate = fork();
    if (candidate < 0) fail(status_fd, "fork");
    if (candidate == 0) {
        close(go[0]);
        go_fd = fcntl(go[1], F_DUPFD_CLOEXEC, 10);
        close(go[1]);
        if (go_fd < 0) fail(status_fd, "dup");
        copy_expected_pages();
        confine(&current);
        return 1;
    }
    prctl(PR_SET_NAME, "warden", 0, 0, 0);
    /* The candidate's ends of its pipes must not stay open here, or the agent would never see them close. */
    for (int i = 0; i < 3; i++) close(current.streams[i]);
    close(go[1]);
    serve_request(candidate, go[0], proc, box);
    return -1; /* Not reached. */
}

/* Waits, in the candidate, for its program, and sets the limits; ends with the warden. */
void touchstone_await(void) {
    ssize_t size = receive(go_fd, request_bytes, sizeof request_bytes, current.fds, &current.fd_count);
    if (size <= 0) _exit(0);
    errno = EINVAL;
    if (parse_request(&current, (size_t)size) < 0 || current.fd_count != !!(current.head.flags & HAS_CHANNEL))
        fail(current.streams[3], "request");
    set_limits(&current);
}

/* The candidate's arguments, then its environment, each text ended by NUL. */
const char *touchstone_texts(void) { return current.arguments[0]; }
int touchstone_argument_count(void) { return (int)current.head.argument_count; }
size_t touchstone_texts_size(void) { return current.texts_size; }

/* Called by a warm interpreter, once for each stretch of pages that a fork of it will write to. */
void touchstone_expect_writes(uintptr_t start, size_t size) {
    if (expected_count < EXPECTED_MAX) expected[expected_count++] = (struct stretch){start, size};
}

/* Called once by a spawner: its wardens are reaped by the kernel, it is found by nobody, it holds nothing. */
void touchstone_become_spawner(void) {
    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    for (size_t i = 0; i < SPACES; i++) spawner_spaces[i] = space(i);
}

#ifdef TOUCHSTONE_PROGRAM
int main(int argc, char **argv) {
    if (argc != 3 || strcmp(argv[1], "serve")) {
        fputs("usage: launcher serve FD\n", stderr);
        return 64;
    }
    int sock = atoi(argv[2]);
    touchstone_become_spawner();
    int role;
    while ((role = touchstone_next(sock)) == 0) {
    }
    if (role < 0) return 0;
    touchstone_await();
    execve(current.arguments[0], current.arguments, current.environment);
    dprintf(2, "cannot execute %s: %s\n", current.arguments[0], strerror(errno));
    _exit(127);
}
#endif
