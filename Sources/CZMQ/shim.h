#include <errno.h>
#include <zmq.h>

/* zmq.h spells these as sums of macros inside conditionals; constants are imported whatever the version. */
static const int CZMQ_ETERM = ETERM;
/* Missing from headers built without the drafts of their time; the number is libzmq's own in all versions. */
static const int CZMQ_ZAP_ENFORCE_DOMAIN = 93;
