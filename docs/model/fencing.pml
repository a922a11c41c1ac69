/* Fencing: nothing of a request that began before a fence is stored behind it, and no certificate says what is not so.
 *
 * One request R about subject S in workspace W. A writer stores it, and stores it again when it does not know how that ended.
 * Meanwhile two of three erasures run, of R, of S and of W. Whoever erases may die between any two statements, and another goes
 * on from the row. README.md says which line of the code each step is.
 *
 *   spin -search -DSAFETY fencing.pml            checks it
 *   spin -DLOCKS=0 -search -DSAFETY fencing.pml  without one of its parts, and spin shows what goes wrong
 */
#ifndef LOCKS
#define LOCKS 1		/* writers and fences meet on advisory locks */
#endif
#ifndef LEDGER_FIRST
#define LEDGER_FIRST 1	/* the ledger has the tombstone before the database has the fence */
#endif
#ifndef TAKE_OVER
#define TAKE_OVER 1	/* an erasure of a subject looks for requests, too, that are being erased one by one */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif

#define REQUEST 0
#define SUBJECT 1
#define WORKSPACE 2
#define NOBODY 3

mtype = { scoped, shredding, sweeping, verifying, erased };

/* What is committed, in the database, in the key store and in the ledger. */
bool recorded, named, payload;	/* the record of R; its pseudonym of S; its sealed row */
bool key, buried;		/* R's data key; whether the key store refuses to make one (again) */
byte stone = NOBODY;		/* whose tombstone R has */
bool fence[3];			/* retention_fence of S and of W; of R, its tombstone */
bool ledger[3];
bool certificate[3];
byte crashes = CRASHES;

/* Advisory locks, held until the end of a transaction. */
bool writing;			/* the writer holds all of its locks, shared */
bool fencing[3];		/* an eraser holds its own, exclusively */

inline no_false_certificate() {
	assert(!(payload || named) || !(certificate[REQUEST] || certificate[SUBJECT] || certificate[WORKSPACE]))
}

active proctype Writer()
{
	byte times = 0;
	bool refused, unnamed;

	do
	:: times < 2 ->
		times++;
		if				/* KeyRing: the key is durable before anything is sealed under it */
		:: buried -> refused = true
		:: atomic { !buried -> key = true; refused = false }
		fi;
#if LOCKS
		atomic { !fencing[REQUEST] && !fencing[SUBJECT] && !fencing[WORKSPACE] -> writing = true };
#endif
		d_step {			/* the triggers look, each with its lock */
			refused = refused || fence[REQUEST] || fence[WORKSPACE] || fence[SUBJECT];
			unnamed = fence[REQUEST] || fence[WORKSPACE] || fence[SUBJECT]
		};
		if
		:: d_step {			/* and later the transaction commits */
			assert(refused || !(fence[REQUEST] || fence[SUBJECT] || fence[WORKSPACE]));
			payload = payload || !refused;
			named = named || (!recorded && !unnamed);
			if
			:: !recorded && fence[SUBJECT] && stone == NOBODY -> stone = SUBJECT; fence[REQUEST] = true
			:: else
			fi;
			recorded = true;
			writing = false
		   };
		   no_false_certificate()
		:: writing = false		/* or it does not */
		fi
	:: times == 2 -> break
	od
}

#define die	atomic { crashes > 0 -> crashes--; fencing[scope] = false; goto again }

proctype Eraser(byte scope)
{
	mtype state = scoped;	/* the row's; what is local besides is lost with whoever dies */
	bool mine;		/* whether R is one of the requests that this erasure is about: `target_of` */
	bool clean;

again:	do
	:: state == scoped ->
#if LOCKS
		atomic { !writing -> fencing[scope] = true };		/* fences.lock */
#endif
		if :: die :: skip fi;
#if LEDGER_FIRST
		ledger[scope] = true;					/* fences.announce */
		if :: die :: skip fi;
#endif
		d_step {						/* fences.erect, in one commit with the state */
			mine = (scope != SUBJECT || named);
			if
			:: scope == WORKSPACE
			:: scope != WORKSPACE && mine && stone == NOBODY -> stone = scope; fence[REQUEST] = true
			:: scope == SUBJECT && mine && stone != NOBODY -> mine = TAKE_OVER
			:: else
			fi;
			fence[scope] = true;
			state = shredding;
			fencing[scope] = false
		};
#if !LEDGER_FIRST
		if :: die :: skip fi;
		ledger[scope] = true
#endif
	:: state == shredding ->
		if
		:: die
		:: d_step { key = key && !mine; buried = buried || mine };	/* DataKeys.execute */
		   if :: die :: state = sweeping fi
		fi
	:: state == sweeping ->
		if
		:: die
		:: payload = payload && !mine;				/* PayloadRows.execute */
		   if :: die :: skip fi;
		   named = named && !mine;				/* RequestSubjects.execute */
		   if :: die :: state = verifying fi
		fi
	:: state == verifying ->
		clean = !(mine && payload);				/* each store in turn, on a connection of its own */
		clean = clean && !(mine && named);
		clean = clean && !(mine && key);
		if
		:: die
		:: !clean -> state = sweeping
		:: clean -> state = erased
		fi
	:: state == erased ->
		d_step {
			assert(ledger[scope]);
			certificate[scope] = true
		};
		no_false_certificate();
		break
	od
}

init {
	byte first, second;

	atomic {
		if
		:: first = REQUEST; second = SUBJECT
		:: first = REQUEST; second = WORKSPACE
		:: first = SUBJECT; second = WORKSPACE
		fi;
		run Eraser(first);
		run Eraser(second)
	};
	/* Whoever dies, both end, and nothing that could be read is left. */
	(certificate[first] && certificate[second]);
	no_false_certificate()
}
