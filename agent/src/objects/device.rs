//! `Device.`

use line3_proto::{Fault, row};

use super::{Found, Object};
use crate::view::View;

/// `Device.`
pub struct Device;

row! {
    /// The parameters of `Device.`
    pub struct Values {
        /// The version of TR-181 whose names and meanings are used here.
        RootDataModelVersion: String,
    }
}

impl Object for Device {
    const PATH: &'static str = "Device.";
    const DOC: &'static str = "The box: the root of everything that can be seen and done.";
    type Row = Values;

    fn read(_: &View<'_>) -> Result<Vec<Found<Values>>, Fault> {
        Ok(Found::single(Values { RootDataModelVersion: "2.16".to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::objects::bench::Bench;

    #[test]
    fn it_names_its_standard() {
        expect![[r#"
            RootDataModelVersion = 2.16
        "#]]
        .assert_eq(&Bench::empty().show::<Device>());
    }
}
