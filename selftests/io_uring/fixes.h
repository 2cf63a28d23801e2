static const struct fix {const char *defect,*opcode; int bits; const char *commit,*subject,*mainline;} fixes[] = {
{"lost-pointer","sendmsg",64|32,"cac9e4418f4cbd548ccb065b3adcafe073f7f7d2","io_uring/net: save msghdr->msg_control for retries","6.4-rc7"},
{"lost-pointer","sendmsg_zc",64|32,"4fe82aedeb8a8cb09bfa60f55ab57b5c10a74ac4","io_uring/net: restore msg_control on sendzc retry","6.9-rc4"},
{"lost-pointer","any",32,"6ebf05189dfc6d0d597c99a6448a4d1064439a18","io_uring/net: save msg_control for compat","6.14-rc5"},
{"wrong-length","sendmsg",32,0,0,0},
{"wrong-length","sendmsg_zc",32,0,0,0},
{"late-read","sendmsg",64|32,0,0,0},
{"late-read","sendmsg_zc",64|32,0,0,0},
{"repeated-control","sendmsg",64|32,"b1dc492087db0f2e5a45f1072a743d04618dd6be","io_uring/net: clear msg_controllen on partial sendmsg retry","6.4"},
{"repeated-control","sendmsg_zc",64|32,0,0,0},
{0}};
