// SPDX-License-Identifier: MIT
import { VfioError } from '../../errors/index.js'
import type { NativeDevice } from '../../native-binding.js'
import type { DeviceIdentity } from '../device.js'

export async function openKernelDevice(
  name: string,
  options: { readonly spec: string; readonly allowNoIommu?: boolean },
): Promise<{ native: NativeDevice; identity: DeviceIdentity }> {
  throw new VfioError('ERR_VFIO_NO_SUCH_DEVICE', `there is no device ${name} on this host`, {
    device: options.spec,
  })
}
