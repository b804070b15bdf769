/*
 * The scripts (scripts.h): the first line of each says what was found.
 */
#include "scripts.h"

const struct script scripts[] = {
    {VARIANT_ASYNC, "# (b) client 11: /storm/workerbeats/t/w2 shows write 13 although 16 was acknowledged "
                    "before it asked, or seen\n"
                    "seed 100044 members 2 clients 13\n"
                    "cut-back at 20.393306 for 3.905403 a 41 b 42 delay 0.890881\n"
                    "wipe-primary at 18.564963 for 0.005000 a 16 b 17 delay 0.578322\n"},
    {VARIANT_NO_FENCE, "# (a) M0 and M1 both may answer from memory\n"
                       "seed 100006 members 2 clients 13\n"
                       "isolate at 19.194298 for 4.857089 a 55 b 56 delay 0.242264\n"},
    {VARIANT_SESSION_ONLY,
     "# (e) client 5 has had no answer for 42.4 s\n"
     "seed 100005 members 2 clients 13\n"
     "wipe-primary at 15.096215 for 0.269191 a 22 b 23 delay 0.463354\n"
     "host-lost when record after 10 at 18.447326 for 1.034769 a 27 b 28 delay 0.000000 sender\n"
     "wipe-all at 24.856619 for 0.007788 a 55 b 56 delay 0.213836\n"},
    {VARIANT_DROP_EARLY, "# (b) client 11: /storm/workerbeats/t/w0 shows write 21 although 24 was "
                         "acknowledged before it asked, or seen\n"
                         "seed 100044 members 2 clients 13\n"
                         "cut-back at 20.393306 for 3.905403 a 41 b 42 delay 0.890881\n"
                         "wipe-primary at 18.564963 for 0.005000 a 16 b 17 delay 0.578322\n"},
    {VARIANT_NO_END, "# (a) M1 and M0 both may answer from memory\n"
                     "seed 100079 members 2 clients 13\n"
                     "cut-back at 16.547140 for 2.047152 a 14 b 15 delay 0.499353 primary\n"
                     "wipe-primary at 18.564963 for 0.005000 a 16 b 17 delay 0.578322\n"},
    {VARIANT_FLUSH_FORGOTTEN,
     "# (b) /wb/a: write 11 has version 9, write 9 before it 9\n"
     "seed 100000 members 2 clients 13\n"
     "host-lost when flush-sent after 0 at 9.441767 for 0.010676 a 5 b 6 delay 0.000000 sender\n"},
    {VARIANT_NO_WAIT_UNLISTED,
     "# (b) M1 takes over without a copy although M0 has one\n"
     "seed 100000 members 2 clients 13\n"
     "host-lost when flush-sent after 0 at 9.441767 for 0.170823 a 5 b 6 delay 0.000000 sender\n"},
    {VARIANT_STALE_COPY,
     "# (b) M1 takes over 5 znodes of a copy that nobody lists\n"
     "seed 118 members 2 clients 13\n"
     "host-lost when welcome after 0 at 15.117944 for 0.111774 a 41 b 42 delay 0.000000 sender\n"
     "wipe-primary at 15.304837 for 0.317691 a 36 b 37 delay 0.866049\n"},
    {VARIANT_READ_UNACKED, "# (b) /storm/workerbeats/t/w2: write 18 has version 13, write 17 before it 15\n"
                           "seed 300055 members 2 clients 13\n"
                           "cut-back at 20.373766 for 4.053361 a 28 b 29 delay 0.303855\n"},
    {VARIANT_FAST_ANY, "# (a) M1 and M0 both may answer from memory\n"
                       "seed 100079 members 2 clients 13\n"
                       "cut-back at 16.547140 for 2.047152 a 14 b 15 delay 0.499353 primary\n"
                       "wipe-primary at 18.564963 for 0.005000 a 16 b 17 delay 0.578322\n"},
    {VARIANT_NO_HEARTBEAT, "# (a) M1 and M0 both may answer from memory\n"
                           "seed 100079 members 2 clients 13\n"
                           "cut-back at 16.547140 for 2.047152 a 14 b 15 delay 0.499353 primary\n"
                           "wipe-primary at 18.564963 for 0.005000 a 16 b 17 delay 0.578322\n"},
    {VARIANT_NO_SETWATCHES,
     "# (e) the watcher knows write 1 of /storm/o, 63 was acknowledged: an event was lost\n"
     "seed 100000 members 2 clients 13\n"
     "host-lost when flush-sent after 0 at 9.441767 for 0.010676 a 5 b 6 delay 0.000000 sender\n"},
    {VARIANT_KEPT_MEMORY,
     "# (b) client 0: the only writer of /storm/workerbeats/t/w0 is told BADVERSION\n"
     "seed 100001 members 2 clients 13\n"
     "reset at 11.845515 for 0.096410 a 53 b 54 delay 0.534298\n"
     "wipe-primary at 21.757089 for 0.030597 a 55 b 56 delay 0.474735\n"
     "host-lost when flush-sent after 0 at 9.441767 for 0.170823 a 5 b 6 delay 0.000000 sender\n"},
    {VARIANT_NO_DROP, "# (b) client 11: /storm/workerbeats/t/w0 shows write 21 although 24 was acknowledged "
                      "before it asked, or seen\n"
                      "seed 100044 members 2 clients 13\n"
                      "cut-back at 20.393306 for 3.905403 a 41 b 42 delay 0.890881\n"
                      "wipe-primary at 18.564963 for 0.005000 a 16 b 17 delay 0.578322\n"},
    {VARIANT_ACK_UNREAD,
     "# (b) /storm/workerbeats/t/w2: write 10 has version 7, write 9 before it 7\n"
     "seed 100001 members 2 clients 13\n"
     "host-lost when flush-sent after 0 at 9.441767 for 0.010676 a 5 b 6 delay 0.000000 sender\n"},
    {VARIANT_CONFIRM_BY_RECV,
     "# (a) M1 and M0 both may answer from memory\n"
     "seed 46 members 2 clients 13\n"
     "pause when question after 2 at 11.118442 for 3.856995 a 0 b 1 delay 0.000000 sender\n"
     "isolate when question after 2 at 11.118442 for 1.212141 a 0 b 1 delay 3.857045 sender\n"},
    {VARIANT_PING_CONFIRM,
     "# (a) M1 and M0 both may answer from memory\n"
     "seed 46 members 2 clients 13\n"
     "pause when question after 2 at 11.118442 for 3.856995 a 0 b 1 delay 0.000000 sender\n"
     "isolate when question after 2 at 11.118442 for 1.212141 a 0 b 1 delay 3.857045 sender\n"},
    {VARIANT_ADD_LATE, "# (b) /storm/workerbeats/t/w1: write 15 has version 11, write 13 before it 11\n"
                       "seed 41 members 2 clients 13\n"
                       "kill at 11.017085 for 0.208565 a 0 b 0 delay 0.000000\n"
                       "slow-members at 11.225650 for 1.500000 a 0 b 1 delay 0.086855 primary\n"
                       "host-lost when list-sent after 0 at 11.017085 for 0.108385 a 0 b 1 delay 0.001959 "
                       "sender\n"},
    {VARIANT_NO_LIFE, "# (f) session of client 7 lived 19.7 s after its client's last byte\n"
                      "seed 9 members 2 clients 13 other-mounts\n"
                      "client-lost at 9.760625 for 1.875000 a 7 b 0 delay 0.000000\n"
                      "server-dies at 13.525619 for 0.025363 a 2 b 2 delay 0.000000 primary\n"},
    {VARIANT_NO_AGE, "# (f) session of client 9 lived 19.4 s after its client's last byte\n"
                     "seed 188 members 2 clients 13\n"
                     "client-lost at 11.250350 for 3.750000 a 9 b 0 delay 0.000000\n"
                     "reset at 14.836615 for 0.001804 a 2 b 2 delay 0.000000 primary\n"
                     "server-dies at 18.297838 for 0.003028 a 1 b 1 delay 0.000000 primary\n"},
    {VARIANT_RESENT_IS_LIFE, "# (f) session of client 9 lived 19.4 s after its client's last byte\n"
                             "seed 188 members 2 clients 13\n"
                             "client-lost at 11.250350 for 3.750000 a 9 b 0 delay 0.000000\n"
                             "reset at 14.836615 for 0.001804 a 2 b 2 delay 0.000000 primary\n"
                             "server-dies at 18.297838 for 0.003028 a 1 b 1 delay 0.000000 primary\n"},
    {VARIANT_NO_FRESH,
     "# (b) client 3: /storm/workerbeats/t/w3 is absent although write 19 was acknowledged after memory "
     "went\n"
     "seed 5295 members 2 clients 13 other-mounts\n"
     "pause when question after 3 at 15.217377 for 1.508983 a 0 b 1 delay 0.000000 sender\n"
     "isolate when question after 3 at 15.217377 for 5.646963 a 0 b 1 delay 1.509033 sender\n"},
    {VARIANT_LIST_UNVERSIONED,
     "# (b) client 12: /storm/workerbeats/t/w3 shows write 4 although 5 was acknowledged before it asked, or "
     "seen\n"
     "seed 28 members 2 clients 13\n"
     "slow-front at 10.852694 for 1.000000 a 0 b 0 delay 0.052590\n"
     "wipe-primary at 11.352694 for 0.000625 a 0 b 0 delay 0.000000\n"
     "pause at 11.415559 for 0.202081 a 0 b 1 delay 0.000000 primary\n"
     "reset at 11.415559 for 0.000625 a 0 b 1 delay 0.000000 primary\n"},
    {VARIANT_HANDOVER_UNACKED,
     "# (b) /storm/workerbeats/t/w2: write 19 has version 16, write 18 before it 16\n"
     "seed 23 members 2 clients 13\n"
     "slow-members at 14.579045 for 1.500000 a 0 b 1 delay 0.073766 primary\n"
     "leave at 16.000166 for 0.135093 a 0 b 1 delay 0.000000 primary\n"
     "reset at 16.002690 for 0.000625 a 0 b 1 delay 0.000000 primary\n"},
    {VARIANT_SINK_UNRECORDED,
     "# (b) client 9: /storm/workerbeats/t/w3 shows write 3 although 4 was acknowledged before it asked, or "
     "seen\n"
     "seed 4 members 2 clients 13 insists\n"
     "kill when promotion-sent after 2 at 4.855819 for 0.134582 a 0 b 1 delay 0.000266 sender\n"},
    {VARIANT_WORK_UNGATED,
     "# (b) /storm/workerbeats/t/p5: write 4 has version 1, write 3 before it 1\n"
     "seed 30 members 2 clients 13 insists\n"
     "slow-members at 4.300000 for 8.000000 a 0 b 1 delay 0.020000 primary\n"
     "reset when promotion-sent after 0 at 4.655819 for 0.010000 a 0 b 1 delay 0.003000 sender\n"
     "kill when promotion-sent after 0 at 4.655819 for 0.134582 a 0 b 1 delay 0.003100 sender\n"},
    /* What the simulation itself once took for an error. */
    {VARIANT_AS_IT_SHIPS, "# memory goes while a list of children is on its way: its counters begin anew\n"
                          "seed 3000015 members 2 clients 13 other-mounts\n"
                          "kill at 14.526200 for 0.489495 a 28 b 29 delay 0.679390 primary\n"
                          "pause at 14.328035 for 0.101964 a 1 b 2 delay 0.395085 primary\n"},
    {VARIANT_AS_IT_SHIPS, "# who is to end, and has no copy anywhere, hears nobody any more\n"
                          "seed 1000128 members 2 clients 13 other-mounts length 600.000000 beat 3.000000 "
                          "tick 0.200000\n"
                          "leave at 420.077980 for 0.229288 a 10 b 11 delay 0.505473\n"},
    {VARIANT_AS_IT_SHIPS,
     "# where nobody has a copy of a killed primary's memory, a session may be over before "
     "another serves\n"
     "seed 1000990 members 3 clients 13 other-mounts length 600.000000 beat 3.000000 "
     "tick 0.200000\n"
     "kill when ack after 13 at 58.983429 for 0.046700 a 5 b 7 delay 0.002471\n"},
    {VARIANT_AS_IT_SHIPS, "# the same, of a client that was told for a while that its session lives\n"
                          "seed 5001888 members 3 clients 13 other-mounts length 600.000000 beat 3.000000 "
                          "tick 0.200000\n"
                          "kill at 75.773454 for 0.036445 a 47 b 48 delay 0.560564 primary\n"},
    /* What once was one. */
    {VARIANT_AS_IT_SHIPS,
     "# (h) client 11: cversion 5 and pzxid 0x10000041c of /storm/workerbeats/t, had 9 and 0x10000040e\n"
     "seed 156 members 2 clients 13\n"
     "slow-members at 3.788294 for 3.000000 a 0 b 1 delay 0.104404 primary\n"
     "host-lost when promotion-made after 0 at 3.788294 for 0.360360 a 0 b 1 delay 0.001585 sender\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (e) the watcher knows write 2 of /storm/workerbeats/t/w3, 72 was acknowledged: an event was lost\n"
     "seed 51 members 2 clients 13 insists\n"
     "host-lost when promotion-sent after 1 at 3.848233 for 0.150472 a 0 b 1 delay 0.000026 sender\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (e) the watcher knows write 3 of /storm/workerbeats/t/w3, 82 was acknowledged: an event was lost\n"
     "seed 34 members 2 clients 13 insists\n"
     "host-lost when record after 2 at 5.727246 for 0.149062 a 0 b 1 delay 0.000661 sender\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (b) client 13: /storm/workerbeats/t/w0 is absent although write 3 was acknowledged after memory "
     "went\n"
     "seed 10235 members 2 clients 15 insists\n"
     "host-lost when promotion-sent after 0 at 4.916016 for 0.152276 a 0 b 1 delay 0.000724 sender\n"},
    {VARIANT_AS_IT_SHIPS, "# (b) client 13: /storm/workerbeats/t/w3 is absent although write 22 was "
                          "acknowledged after memory went\n"
                          "seed 10143 members 2 clients 15\n"
                          "slow-front at 9.573740 for 4.000000 a 1 b 0 delay 0.017186\n"
                          "wipe-primary at 10.073740 for 0.000625 a 0 b 0 delay 0.000000\n"
                          "pause at 10.120786 for 0.110927 a 0 b 1 delay 0.000000 primary\n"
                          "reset at 10.120786 for 0.000625 a 0 b 1 delay 0.000000 primary\n"},
    {VARIANT_AS_IT_SHIPS, "# (f) session of client 5 lived 19.9 s after its client's last byte\n"
                          "seed 10881 members 2 clients 15 insists\n"
                          "client-lost at 9.043344 for 1.875000 a 5 b 0 delay 0.000000\n"},
    {VARIANT_AS_IT_SHIPS, "# (f) session of client 4 lived 24.5 s after its client's last byte\n"
                          "seed 11433 members 2 clients 15 other-mounts\n"
                          "client-lost at 12.787765 for 1.875000 a 4 b 0 delay 0.000000\n"
                          "reset at 21.350954 for 0.004693 a 1 b 1 delay 0.000000 primary\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (e) client 10 has had no answer for 43.8 s\n"
     "seed 20001262 members 3 clients 13 insists length 600.000000 beat 3.000000 tick 0.200000\n"
     "reset when relay after 0 at 47.721552 for 0.012912 a 13 b 14 delay 0.000000 sender\n"
     "server-alone at 51.506403 for 6.175706 a 46 b 48 delay 0.272518\n"
     "no-quorum at 51.779681 for 1.822090 a 28 b 29 delay 0.100839\n"
     "wipe-all at 51.944694 for 0.000639 a 14 b 16 delay 0.773856\n"
     "host-lost at 98.927567 for 0.052503 a 41 b 42 delay 0.782024\n"
     "cut-back at 135.310934 for 7.356634 a 43 b 45 delay 0.646394 primary\n"
     "foreign when flush-made after 7 at 369.920278 for 0.000379 a 36 b 38 delay 0.273669 sender\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (h) client 12: cversion 6 and pzxid 0x10000041a of /storm/workerbeats/t, had 6 and 0x10000041c\n"
     "seed 20001600 members 3 clients 15 length 600.000000 beat 3.000000 tick 0.200000\n"
     "foreign when record after 0 at 533.212381 for 0.007430 a 15 b 16 delay 0.000000\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (b) client 13: /storm/workerbeats/t/w2 shows write 34 although 53 was acknowledged before it asked\n"
     "seed 40020798 members 2 clients 15 length 600.000000 beat 3.000000 tick 0.200000\n"
     "server-alone at 109.645104 for 2.690580 a 10 b 11 delay 0.174915\n"
     "server-pause at 189.681797 for 3.042486 a 15 b 16 delay 0.794250\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (h) client 11: cversion 28 and pzxid 0x100000673 of /storm/workerbeats/t, had 28 and 0x100000684\n"
     "seed 40015279 members 2 clients 13 length 600.000000 beat 3.000000 tick 0.200000\n"
     "cut-members when flush-made after 0 at 50.916011 for 2.504384 a 39 b 40 delay 0.080882 sender\n"
     "cut-front at 125.099298 for 2.300604 a 46 b 47 delay 0.688605 primary\n"
     "pause at 406.623428 for 2.067250 a 7 b 8 delay 0.234052 primary\n"
     "pause at 455.519797 for 1.547163 a 48 b 49 delay 0.661270\n"
     "server-dies at 461.118722 for 0.201357 a 29 b 30 delay 0.792946\n"
     "cut-back at 461.319337 for 5.054266 a 8 b 9 delay 0.370722 primary\n"},
    {VARIANT_AS_IT_SHIPS,
     "# (a) M0 and M1 both may answer from memory\n"
     "seed 80000583 members 2 clients 15 mixed length 600.000000 beat 3.000000 tick 0.200000\n"
     "pause when record after 2 at 79.034699 for 4.437283 a 29 b 30 delay 0.000000 sender\n"
     "cut-server at 177.986931 for 1.311489 a 1 b 2 delay 0.879921 primary\n"
     "kill at 178.421486 for 2.846578 a 11 b 12 delay 0.565072 primary\n"
     "host-lost when record after 15 at 184.105450 for 0.201180 a 26 b 27 delay 0.000000\n"
     "host-lost at 359.461809 for 0.095890 a 6 b 7 delay 0.771741 primary\n"
     "cut-front when relay after 0 at 434.841007 for 0.116432 a 14 b 15 delay 0.000000\n"
     "cut-members at 439.090109 for 3.719248 a 39 b 40 delay 0.179786 primary\n"
     "server-dies at 441.544087 for 0.066780 a 28 b 29 delay 0.731813\n"
     "leave at 442.995825 for 0.025208 a 58 b 59 delay 0.690345 primary\n"},
    {VARIANT_DELETES_UNCOUNTED,
     "# (l) client 10: /storm/workerbeats/t/s-0000000011 was made although it knew of 12\n"
     "seed 5 members 2 clients 13 insists varied\n"
     "kill at 16.562865 for 0.004873 a 54 b 55 delay 0.233766 primary\n"},
};
const int nscripts = sizeof scripts / sizeof scripts[0];
