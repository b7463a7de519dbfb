// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's own test, in plain C: when a test of the package fails on the
 * module, this one tells whose fault it is. Run as root with the module loaded.
 * An argument: the seconds that the stress test takes.
 */
#include <unistd.h>

#include "smoke.h"

int failures;

int main(int argc, char **argv)
{
	static const char *const types[] = { "v1-trapped", "v1-mapped", "v1-sparse", "v1-straddle" };
	bool cdev = !access("/dev/iommu", F_OK) && !access("/dev/vfio/devices", F_OK);

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_registers();
	set_parameter("state_bytes", "0");
	for (size_t i = 0; i < 4; i++)
		test_v1(types[i]);
	test_v1_rules();
	printf("v1 rules: done\n");
	test_v2(false);
	test_v2_faults();
	printf("v2 arcs and faults: done\n");
	test_dma(false);
	if (cdev) {
		test_v2(true);
		test_dma(true);
	}
	test_large();
	test_stress(argc > 1 ? atoi(argv[1]) : 3);
	set_parameter("state_bytes", "0");
	printf("%s: %d failures%s\n", failures ? "FAIL" : "ok", failures, cdev ? "" : " (no iommufd here)");
	return failures ? 1 : 0;
}
