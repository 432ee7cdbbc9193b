/*
 * confine.c -- what the server gives up once it has what it needs: root, a view
 * of the file system, and the system calls that it never makes.
 *
 * Files that are opened later, to be looked at, rotated or replaced, are kept
 * by their directories: these are opened before user and root change and used
 * by the calls that end in "at".  So a path on the command line always means
 * what it meant in the shell, whoever may pass through what lies above it.
 * Whoever takes the process over has these directories too; that he cannot
 * climb out of them is for Landlock to see to, where the kernel has it.
 *
 * Linux has these as calls by number and tables of octets.  What is needed of
 * them is written down here, so that no header of the kernel need be there.
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>

#include "dns.h"

/* A directory in which files are opened later. */
struct kept {
	char path[PATH_MAX];
	int fd;
	uint64_t rights; /* of Landlock, below it */
};

static struct {
	struct kept kept[KEPT_MAX];
	unsigned count;
	bool done;                      /* from now on, by directories alone */
	volatile sig_atomic_t refused;  /* the call; -1: none */
	volatile sig_atomic_t refusals; /* since the start */
} self = {.refused = -1};

/* ---------------------------------------------------------------------------
 * Files by their directories.
 */

/* The length of the directory in a path, and where the rest begins. */
static size_t
directory_len(const char *path, const char **rest)
{
	const char *slash = strrchr(path, '/');

	*rest = slash != NULL ? slash + 1 : path;
	if (slash == NULL)
		return 0;
	return slash == path ? 1 : (size_t)(slash - path);
}

static struct kept *
kept_find(const char *path, const char **rest)
{
	size_t len = directory_len(path, rest);
	unsigned i;

	for (i = 0; i < self.count; i++)
		if (strncmp(self.kept[i].path, path, len) == 0 &&
		    self.kept[i].path[len] == '\0')
			return &self.kept[i];
	return NULL;
}

/* Which access to files there is (linux/landlock.h). */
enum {
	RIGHT_WRITE_FILE = 1 << 1,
	RIGHT_READ_FILE = 1 << 2,
	RIGHT_READ_DIR = 1 << 3,
	RIGHT_REMOVE_FILE = 1 << 5,
	RIGHT_MAKE_REG = 1 << 8,
	RIGHTS_FIRST = (1 << 13) - 1 /* all of the first version */
};

/* All files are below it: who has it has them. */
static bool
is_root(int fd)
{
	struct stat here, root;

	return fstat(fd, &here) == 0 && stat("/", &root) == 0 &&
	    here.st_dev == root.st_dev && here.st_ino == root.st_ino;
}

bool
confine_keep(const char *path, enum keep_use use)
{
	static const uint64_t rights[] = {
	    [KEEP_READ] = RIGHT_READ_FILE,
	    [KEEP_APPEND] = RIGHT_WRITE_FILE | RIGHT_MAKE_REG,
	    [KEEP_REPLACE] = RIGHT_READ_FILE | RIGHT_WRITE_FILE |
		RIGHT_MAKE_REG | RIGHT_REMOVE_FILE,
	    [KEEP_REMOVE] = RIGHT_REMOVE_FILE,
	};
	const char *rest;
	struct kept *k = kept_find(path, &rest);
	size_t len = directory_len(path, &rest);

	if (k == NULL) {
		assert(self.count < KEPT_MAX && len < PATH_MAX);
		k = &self.kept[self.count];
		memcpy(k->path, path, len);
		k->fd = open(
		    len > 0 ? k->path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (k->fd < 0)
			return false;
		if (is_root(k->fd)) {
			close(k->fd);
			errno = EXDEV;
			return false;
		}
		self.count++;
	}
	k->rights |= rights[use];
	return true;
}

/* Where the path is now: in a kept directory, or as it stands. */
static int
path_find(const char **path)
{
	const char *rest;
	const struct kept *k = self.done ? kept_find(*path, &rest) : NULL;

	if (k == NULL)
		return AT_FDCWD;
	*path = rest;
	return k->fd;
}

int
file_open(const char *path, int flags, unsigned mode)
{
	int directory = path_find(&path);

	return directory == AT_FDCWD ? open(path, flags, mode)
				     : openat(directory, path, flags, mode);
}

int
file_stat(const char *path, struct stat *st)
{
	int directory = path_find(&path);

	return directory == AT_FDCWD ? stat(path, st)
				     : fstatat(directory, path, st, 0);
}

int
file_lstat(const char *path, struct stat *st)
{
	int directory = path_find(&path);

	return fstatat(directory, path, st, AT_SYMLINK_NOFOLLOW);
}

int
file_rename(const char *from, const char *to)
{
	int there = path_find(&from), here = path_find(&to);

	return renameat(there, from, here, to);
}

int
file_unlink(const char *path)
{
	int directory = path_find(&path);

	return unlinkat(directory, path, 0);
}

/* ---------------------------------------------------------------------------
 * System calls: a program for the kernel, which it runs before each.
 */

/* linux/filter.h, linux/seccomp.h */
struct instruction {
	uint16_t code;
	uint8_t if_true, if_false; /* so many instructions on */
	uint32_t value;
};

struct program {
	uint16_t count;
	const struct instruction *first;
};

enum {
	LOAD = 0x20,   /* 32 bits at this offset of struct seccomp_data */
	EQUALS = 0x15, /* as the value? */
	RETURN = 0x06,
	OFFSET_CALL = 0,
	OFFSET_ARCHITECTURE = 4,
	FILTER = 2, /* PR_SET_SECCOMP's mode */
	PROGRAM_MAX = 128
};

#define ALLOW 0x7fff0000u
#define TRAP 0x00030000u /* SIGSYS, in the thread that made the call */
#define ERROR 0x00050000u

#if defined(__x86_64__)
#define ARCHITECTURE 0xc000003eu
#elif defined(__aarch64__)
#define ARCHITECTURE 0xc00000b7u
#else
#define ARCHITECTURE 0u /* not known: no filter */
#endif

/* What the loop makes, and the two C libraries for it, and the end of it. */
static const uint16_t calls[] = {
/* Names differ: what an architecture lacks is left out. */
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_open
    SYS_open,
#endif
#ifdef SYS_stat
    SYS_stat,
#endif
#ifdef SYS_lstat
    SYS_lstat,
#endif
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
#ifdef SYS_rename
    SYS_rename,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_renameat2
    SYS_renameat2,
#endif
#ifdef SYS_unlink
    SYS_unlink,
#endif
#ifdef SYS_tkill
    SYS_tkill, /* abort of musl */
#endif
#ifdef SYS_statx
    SYS_statx,
#endif
    SYS_accept4,
    SYS_bind,
    SYS_brk,
    SYS_clock_gettime,
    SYS_close,
    SYS_connect,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_exit,
    SYS_exit_group,
    SYS_fcntl,
    SYS_fstat,
    SYS_futex,
    SYS_getpid,
    SYS_geteuid,
    SYS_getrandom,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_gettid,
    SYS_lseek,
    SYS_madvise,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_openat,
    SYS_ppoll,
    SYS_read,
    SYS_readv,
    SYS_recvfrom,
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_setsockopt,
    SYS_shutdown,
    SYS_socket,
    SYS_tgkill, /* abort of glibc */
    SYS_unlinkat,
    SYS_write,
    SYS_writev,
};

enum {
	CALLS = sizeof(calls) / sizeof(calls[0])
};

static_assert(CALLS + 7 <= PROGRAM_MAX && CALLS < 250, "a jump is an octet");

/* The call was not made; it failed as if the kernel had none such. */
static void
call_refused(int signal, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)signal;
	self.refused = info->si_syscall;
	self.refusals++;
#if defined(__x86_64__)
	u->uc_mcontext.gregs[13] = -ENOSYS; /* REG_RAX */
#elif defined(__aarch64__)
	u->uc_mcontext.regs[0] = (unsigned long long)-ENOSYS;
#else
	(void)u;
#endif
}

int
confine_refused(unsigned *count)
{
	int call = self.refused;

	*count = (unsigned)self.refusals;
	self.refused = -1;
	return call;
}

static bool
calls_limit(void)
{
	static struct instruction at[PROGRAM_MAX];
	struct program program = {0, at};
	struct sigaction action = {
	    .sa_sigaction = call_refused, .sa_flags = SA_SIGINFO | SA_RESTART};
	unsigned i;

	if (ARCHITECTURE == 0 || sigaction(SIGSYS, &action, NULL) < 0)
		return false;
	at[program.count++] =
	    (struct instruction){LOAD, 0, 0, OFFSET_ARCHITECTURE};
	at[program.count++] = (struct instruction){EQUALS, 1, 0, ARCHITECTURE};
	at[program.count++] =
	    (struct instruction){RETURN, 0, 0, ERROR | ENOSYS};
	at[program.count++] = (struct instruction){LOAD, 0, 0, OFFSET_CALL};
	for (i = 0; i < CALLS; i++)
		at[program.count++] = (struct instruction){
		    EQUALS, (uint8_t)(CALLS - i), 0, calls[i]};
	at[program.count++] = (struct instruction){RETURN, 0, 0, TRAP};
	at[program.count++] = (struct instruction){RETURN, 0, 0, ALLOW};
	return prctl(PR_SET_SECCOMP, FILTER, &program, 0, 0) == 0;
}

/* ---------------------------------------------------------------------------
 * Landlock: which files can be reached at all.
 */

enum {
	/* The same number on every architecture. */
	CALL_CREATE_RULESET = 444,
	CALL_ADD_RULE = 445,
	CALL_RESTRICT_SELF = 446,
	RULE_PATH_BENEATH = 1
};

/* Ours and all that there may be below the directories that are kept. */
static bool
files_limit(void)
{
	const uint64_t handled = RIGHTS_FIRST;
	struct __attribute__((packed)) {
		uint64_t rights;
		int32_t fd;
	} beneath;
	long set = syscall(CALL_CREATE_RULESET, &handled, sizeof(handled), 0u);
	bool well = set >= 0;
	unsigned i;

	for (i = 0; i < self.count && well; i++) {
		beneath.rights = self.kept[i].rights;
		beneath.fd = self.kept[i].fd;
		well = syscall(CALL_ADD_RULE, set, RULE_PATH_BENEATH, &beneath,
			   0u) == 0;
	}
	well = well && syscall(CALL_RESTRICT_SELF, set, 0u) == 0;
	if (set >= 0)
		close((int)set);
	return well;
}

/* ---------------------------------------------------------------------------
 * All of it.
 */

bool
confine_begin(const struct confinement *c)
{
	if (c->user == NULL || getuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setegid(c->gid) == 0 &&
	    seteuid(c->uid) == 0;
}

bool
confine_as_root(const struct confinement *c, bool root)
{
	if (c->user == NULL || getuid() != 0)
		return true;
	return seteuid(root ? 0 : c->uid) == 0;
}

/* Another user for good: even what could become root again is gone. */
static bool
user_become(unsigned uid, unsigned gid)
{
	uid_t real, effective, saved;

	if (getuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
		return false;
	if (getresuid(&real, &effective, &saved) < 0)
		return false;
	if (real == uid && effective == uid && saved == uid && setuid(0) < 0)
		return true;
	errno = EPERM;
	return false;
}

/* Nor is there a privilege that came along without root (linux/capability.h).
 */
static bool
capabilities_drop(void)
{
	struct {
		uint32_t version;
		int process;
	} header = {0x20080522, 0};
	const struct {
		uint32_t effective, permitted, inheritable;
	} none[2] = {{0}, {0}};

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) == 0;
}

const char *
confine(struct confinement *c)
{
	if (!confine_as_root(c, true))
		return "user";
	if (c->root != NULL && (chroot(c->root) < 0 || chdir("/") < 0))
		return "chroot";
	self.done = true;
	if (c->user != NULL && !user_become(c->uid, c->gid))
		return "user";
	if (!capabilities_drop())
		return "capabilities";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return "no_new_privs";
	c->landlock = files_limit();
	c->seccomp = calls_limit();
	return NULL;
}
