//! GetSupportedDM and GetSupportedProtocol.

use crate::eut::Eut;

cases! {
    tp_1_80_supported_protocol,
}

fn tp_1_80_supported_protocol(eut: &mut Eut) {
    let response = eut.supported_protocol("1.0,1.1,1.2,1.3,1.4").unwrap();
    let versions: Vec<_> = response.agent_supported_protocol_versions.split(',').collect();
    assert!(versions.contains(&"1.4"), "{response:?}");
    // The versions are numbers, each named once.
    assert!(versions.iter().all(|version| version.split('.').all(|part| part.parse::<u32>().is_ok())), "{response:?}");
}
