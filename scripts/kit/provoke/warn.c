// SPDX-License-Identifier: GPL-2.0
/* Warns once when it is loaded, and does nothing else */
#include <linux/module.h>

static int __init warn_init(void)
{
	WARN_ON(1);
	return 0;
}

static void __exit warn_exit(void)
{
}

module_init(warn_init);
module_exit(warn_exit);
MODULE_DESCRIPTION("A warning on purpose, to see that it is noticed");
MODULE_LICENSE("GPL");
