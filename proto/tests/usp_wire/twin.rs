//! For each of our types: how to draw one at random, and its twin in `rusp-lib`, built field by field by name. A field, variant
//! or type that one side has and the other lacks does not compile.

use std::collections::{BTreeMap, HashMap};

use line3_proto::usp as ours;
use rusp_lib::usp as theirs;
use rusp_lib::usp_record as their_record;

/// Where random values come from: bytes, so that `proptest` can shrink them. When they run out, everything drawn is empty.
pub(crate) struct Source<'a>(pub(crate) &'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }
}

/// Can be drawn at random.
pub(crate) trait Draw {
    fn draw(from: &mut Source<'_>) -> Self;
}

/// Has a twin on the other side.
pub(crate) trait Twin<T> {
    fn twin(self) -> T;
}

impl Draw for String {
    fn draw(from: &mut Source<'_>) -> Self {
        (0..from.below(5)).map(|_| ['a', 'Z', '.', '"', '\0', '\n', 'ä', '箱'][from.below(8)]).collect()
    }
}

impl Draw for u8 {
    fn draw(from: &mut Source<'_>) -> Self {
        from.byte()
    }
}

impl Draw for bool {
    fn draw(from: &mut Source<'_>) -> Self {
        from.below(2) == 1
    }
}

impl Draw for u32 {
    fn draw(from: &mut Source<'_>) -> Self {
        Self::from_le_bytes([0; 4].map(|_: u8| from.byte()))
    }
}

impl Draw for u64 {
    fn draw(from: &mut Source<'_>) -> Self {
        Self::from_le_bytes([0; 8].map(|_: u8| from.byte()))
    }
}

impl<T: Draw> Draw for Vec<T> {
    fn draw(from: &mut Source<'_>) -> Self {
        (0..from.below(4)).map(|_| T::draw(from)).collect()
    }
}

impl<T: Draw> Draw for Option<T> {
    fn draw(from: &mut Source<'_>) -> Self {
        (from.below(8) > 0).then(|| T::draw(from))
    }
}

impl Draw for BTreeMap<String, String> {
    fn draw(from: &mut Source<'_>) -> Self {
        (0..from.below(4)).map(|_| (String::draw(from), String::draw(from))).collect()
    }
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Twin<$type> for $type {
            fn twin(self) -> $type {
                self
            }
        }
    )*};
}

plain!(u8, u32, u64, bool, String);

impl<T: Twin<U>, U> Twin<Vec<U>> for Vec<T> {
    fn twin(self) -> Vec<U> {
        self.into_iter().map(Twin::twin).collect()
    }
}

impl<T: Twin<U>, U> Twin<Option<U>> for Option<T> {
    fn twin(self) -> Option<U> {
        self.map(Twin::twin)
    }
}

impl Twin<HashMap<String, String>> for BTreeMap<String, String> {
    fn twin(self) -> HashMap<String, String> {
        self.into_iter().collect()
    }
}

/// The numbers of an enum's variants, from 0 without a gap.
fn numbers<E: TryFrom<i32>>() -> impl Iterator<Item = i32> {
    (0..).take_while(|n| E::try_from(*n).is_ok())
}

/// `Ours = Theirs`: the variants have the same numbers and, but for case and underscores, the same names.
macro_rules! enums {
    ($($name:ident = $theirs:path;)*) => {
        $(impl Twin<$theirs> for i32 {
            fn twin(self) -> $theirs {
                self.into()
            }
        })*

        /// The variants of each enum: number, our name, their name.
        pub(crate) fn enums() -> Vec<(i32, String, String)> {
            let mut all = vec![];
            $(for n in numbers::<ours::$name>() {
                let name = ours::$name::try_from(n).map(|e| format!("{e:?}")).unwrap_or_default();
                all.push((n, name.to_uppercase(), format!("{:?}", <$theirs>::from(n)).replace('_', "")));
            })*
            all
        }
    };
}

/// `Ours = Theirs { fields }`; an enum field is followed by its type in parentheses.
macro_rules! messages {
    ($($name:ident = $theirs:path { $($field:ident $(($enum:ident))?),* $(,)? };)*) => {$(
        impl Draw for ours::$name {
            #[allow(unused_variables)]
            fn draw(from: &mut Source<'_>) -> Self {
                Self { $($field: draw!(from $(, $enum)?)),* }
            }
        }
        impl Twin<$theirs> for ours::$name {
            fn twin(self) -> $theirs {
                let Self { $($field),* } = self;
                $theirs { $($field: $field.twin()),* }
            }
        }
    )*};
}

macro_rules! draw {
    ($from:ident) => {
        Draw::draw($from)
    };
    ($from:ident, $enum:ident) => {{
        let n = numbers::<ours::$enum>().count();
        i32::try_from($from.below(n)).unwrap_or_default()
    }};
}

/// `Ours = Theirs { Variant = variant }`.
macro_rules! oneofs {
    ($($name:ident = $theirs:path { $($variant:ident = $their:ident),* $(,)? };)*) => {$(
        impl Draw for ours::$name {
            fn draw(from: &mut Source<'_>) -> Self {
                let makers: &[fn(&mut Source<'_>) -> Self] = &[$(|from| Self::$variant(Draw::draw(from))),*];
                makers[from.below(makers.len())](from)
            }
        }
        impl Twin<$theirs> for Option<ours::$name> {
            fn twin(self) -> $theirs {
                use $theirs as T;
                // Theirs has no variant that ours lacks.
                let _ = |theirs: T| match theirs { $(T::$their(_) => (),)* T::None => () };
                match self {
                    $(Some(ours::$name::$variant(it)) => T::$their(it.twin()),)*
                    None => T::None,
                }
            }
        }
    )*};
}

enums! {
    MsgType = theirs::mod_Header::MsgType;
    ParamAccessType = theirs::mod_GetSupportedDMResp::ParamAccessType;
    ObjAccessType = theirs::mod_GetSupportedDMResp::ObjAccessType;
    ParamValueType = theirs::mod_GetSupportedDMResp::ParamValueType;
    ValueChangeType = theirs::mod_GetSupportedDMResp::ValueChangeType;
    CmdType = theirs::mod_GetSupportedDMResp::CmdType;
    PayloadSecurity = their_record::mod_Record::PayloadSecurity;
    PayloadSarState = their_record::mod_SessionContextRecord::PayloadSARState;
    MqttVersion = their_record::mod_MQTTConnectRecord::MQTTVersion;
    StompVersion = their_record::mod_STOMPConnectRecord::STOMPVersion;
}

oneofs! {
    MsgBody = theirs::mod_Body::OneOfmsg_body { Request = request, Response = response, Error = error };
    Request = theirs::mod_Request::OneOfreq_type {
        Get = get, GetSupportedDm = get_supported_dm, GetInstances = get_instances, Set = set, Add = add, Delete = delete,
        Operate = operate, Notify = notify, GetSupportedProtocol = get_supported_protocol, Register = register,
        Deregister = deregister,
    };
    Response = theirs::mod_Response::OneOfresp_type {
        GetResp = get_resp, GetSupportedDmResp = get_supported_dm_resp, GetInstancesResp = get_instances_resp,
        SetResp = set_resp, AddResp = add_resp, DeleteResp = delete_resp, OperateResp = operate_resp, NotifyResp = notify_resp,
        GetSupportedProtocolResp = get_supported_protocol_resp, RegisterResp = register_resp,
        DeregisterResp = deregister_resp,
    };
    AddRespOperStatus = theirs::mod_AddResp::mod_CreatedObjectResult::mod_OperationStatus::OneOfoper_status {
        OperFailure = oper_failure, OperSuccess = oper_success,
    };
    DeleteRespOperStatus = theirs::mod_DeleteResp::mod_DeletedObjectResult::mod_OperationStatus::OneOfoper_status {
        OperFailure = oper_failure, OperSuccess = oper_success,
    };
    SetRespOperStatus = theirs::mod_SetResp::mod_UpdatedObjectResult::mod_OperationStatus::OneOfoper_status {
        OperFailure = oper_failure, OperSuccess = oper_success,
    };
    RegisterRespOperStatus = theirs::mod_RegisterResp::mod_RegisteredPathResult::mod_OperationStatus::OneOfoper_status {
        OperFailure = oper_failure, OperSuccess = oper_success,
    };
    DeregisterRespOperStatus = theirs::mod_DeregisterResp::mod_DeregisteredPathResult::mod_OperationStatus::OneOfoper_status {
        OperFailure = oper_failure, OperSuccess = oper_success,
    };
    OperateRespOperationResp = theirs::mod_OperateResp::mod_OperationResult::OneOfoperation_resp {
        ReqObjPath = req_obj_path, ReqOutputArgs = req_output_args, CmdFailure = cmd_failure,
    };
    NotifyOperationResp = theirs::mod_Notify::mod_OperationComplete::OneOfoperation_resp {
        ReqOutputArgs = req_output_args, CmdFailure = cmd_failure,
    };
    Notification = theirs::mod_Notify::OneOfnotification {
        Event = event, ValueChange = value_change, ObjCreation = obj_creation, ObjDeletion = obj_deletion,
        OperComplete = oper_complete, OnBoardReq = on_board_req,
    };
    RecordType = their_record::mod_Record::OneOfrecord_type {
        NoSessionContext = no_session_context, SessionContext = session_context, WebsocketConnect = websocket_connect,
        MqttConnect = mqtt_connect, StompConnect = stomp_connect, Disconnect = disconnect, UdsConnect = uds_connect,
    };
}

messages! {
    Msg = theirs::Msg { header, body };
    Header = theirs::Header { msg_id, msg_type(MsgType) };
    Body = theirs::Body { msg_body };
    RequestMessage = theirs::Request { req_type };
    ResponseMessage = theirs::Response { resp_type };
    Error = theirs::Error { err_code, err_msg, param_errs };
    ParamError = theirs::mod_Error::ParamError { param_path, err_code, err_msg };

    Get = theirs::Get { param_paths, max_depth };
    GetResp = theirs::GetResp { req_path_results };
    GetRespRequestedPathResult = theirs::mod_GetResp::RequestedPathResult {
        requested_path, err_code, err_msg, resolved_path_results,
    };
    ResolvedPathResult = theirs::mod_GetResp::ResolvedPathResult { resolved_path, result_params };
    GetInstances = theirs::GetInstances { obj_paths, first_level_only };
    GetInstancesResp = theirs::GetInstancesResp { req_path_results };
    GetInstancesRespRequestedPathResult = theirs::mod_GetInstancesResp::RequestedPathResult {
        requested_path, err_code, err_msg, curr_insts,
    };
    CurrInstance = theirs::mod_GetInstancesResp::CurrInstance { instantiated_obj_path, unique_keys };
    GetSupportedDm = theirs::GetSupportedDM {
        obj_paths, first_level_only, return_commands, return_events, return_params, return_unique_key_sets,
    };
    GetSupportedDmResp = theirs::GetSupportedDMResp { req_obj_results };
    RequestedObjectResult = theirs::mod_GetSupportedDMResp::RequestedObjectResult {
        req_obj_path, err_code, err_msg, data_model_inst_uri, supported_objs,
    };
    SupportedObjectResult = theirs::mod_GetSupportedDMResp::SupportedObjectResult {
        supported_obj_path, access(ObjAccessType), is_multi_instance, supported_commands, supported_events, supported_params,
        divergent_paths, unique_key_sets,
    };
    SupportedParamResult = theirs::mod_GetSupportedDMResp::SupportedParamResult {
        param_name, access(ParamAccessType), value_type(ParamValueType), value_change(ValueChangeType),
    };
    SupportedCommandResult = theirs::mod_GetSupportedDMResp::SupportedCommandResult {
        command_name, input_arg_names, output_arg_names, command_type(CmdType),
    };
    SupportedEventResult = theirs::mod_GetSupportedDMResp::SupportedEventResult { event_name, arg_names };
    SupportedUniqueKeySet = theirs::mod_GetSupportedDMResp::SupportedUniqueKeySet { key_names };
    GetSupportedProtocol = theirs::GetSupportedProtocol { controller_supported_protocol_versions };
    GetSupportedProtocolResp = theirs::GetSupportedProtocolResp { agent_supported_protocol_versions };

    Add = theirs::Add { allow_partial, create_objs };
    CreateObject = theirs::mod_Add::CreateObject { obj_path, param_settings };
    CreateParamSetting = theirs::mod_Add::CreateParamSetting { param, value, required };
    AddResp = theirs::AddResp { created_obj_results };
    CreatedObjectResult = theirs::mod_AddResp::CreatedObjectResult { requested_path, oper_status };
    AddRespOperationStatus = theirs::mod_AddResp::mod_CreatedObjectResult::OperationStatus { oper_status };
    AddRespOperationFailure = theirs::mod_AddResp::mod_CreatedObjectResult::mod_OperationStatus::OperationFailure {
        err_code, err_msg,
    };
    AddRespOperationSuccess = theirs::mod_AddResp::mod_CreatedObjectResult::mod_OperationStatus::OperationSuccess {
        instantiated_path, param_errs, unique_keys,
    };
    AddRespParameterError = theirs::mod_AddResp::ParameterError { param, err_code, err_msg };
    Delete = theirs::Delete { allow_partial, obj_paths };
    DeleteResp = theirs::DeleteResp { deleted_obj_results };
    DeletedObjectResult = theirs::mod_DeleteResp::DeletedObjectResult { requested_path, oper_status };
    DeleteRespOperationStatus = theirs::mod_DeleteResp::mod_DeletedObjectResult::OperationStatus { oper_status };
    DeleteRespOperationFailure = theirs::mod_DeleteResp::mod_DeletedObjectResult::mod_OperationStatus::OperationFailure {
        err_code, err_msg,
    };
    DeleteRespOperationSuccess = theirs::mod_DeleteResp::mod_DeletedObjectResult::mod_OperationStatus::OperationSuccess {
        affected_paths, unaffected_path_errs,
    };
    UnaffectedPathError = theirs::mod_DeleteResp::UnaffectedPathError { unaffected_path, err_code, err_msg };
    Set = theirs::Set { allow_partial, update_objs };
    UpdateObject = theirs::mod_Set::UpdateObject { obj_path, param_settings };
    UpdateParamSetting = theirs::mod_Set::UpdateParamSetting { param, value, required };
    SetResp = theirs::SetResp { updated_obj_results };
    UpdatedObjectResult = theirs::mod_SetResp::UpdatedObjectResult { requested_path, oper_status };
    SetRespOperationStatus = theirs::mod_SetResp::mod_UpdatedObjectResult::OperationStatus { oper_status };
    SetRespOperationFailure = theirs::mod_SetResp::mod_UpdatedObjectResult::mod_OperationStatus::OperationFailure {
        err_code, err_msg, updated_inst_failures,
    };
    SetRespOperationSuccess = theirs::mod_SetResp::mod_UpdatedObjectResult::mod_OperationStatus::OperationSuccess {
        updated_inst_results,
    };
    UpdatedInstanceFailure = theirs::mod_SetResp::UpdatedInstanceFailure { affected_path, param_errs };
    UpdatedInstanceResult = theirs::mod_SetResp::UpdatedInstanceResult { affected_path, param_errs, updated_params };
    SetRespParameterError = theirs::mod_SetResp::ParameterError { param, err_code, err_msg };

    Operate = theirs::Operate { command, command_key, send_resp, input_args };
    OperateResp = theirs::OperateResp { operation_results };
    OperationResult = theirs::mod_OperateResp::OperationResult { executed_command, operation_resp };
    OperateRespOutputArgs = theirs::mod_OperateResp::mod_OperationResult::OutputArgs { output_args };
    OperateRespCommandFailure = theirs::mod_OperateResp::mod_OperationResult::CommandFailure { err_code, err_msg };
    Notify = theirs::Notify { subscription_id, send_resp, notification };
    Event = theirs::mod_Notify::Event { obj_path, event_name, params };
    ValueChange = theirs::mod_Notify::ValueChange { param_path, param_value };
    ObjectCreation = theirs::mod_Notify::ObjectCreation { obj_path, unique_keys };
    ObjectDeletion = theirs::mod_Notify::ObjectDeletion { obj_path };
    OperationComplete = theirs::mod_Notify::OperationComplete { obj_path, command_name, command_key, operation_resp };
    NotifyOutputArgs = theirs::mod_Notify::mod_OperationComplete::OutputArgs { output_args };
    NotifyCommandFailure = theirs::mod_Notify::mod_OperationComplete::CommandFailure { err_code, err_msg };
    OnBoardRequest = theirs::mod_Notify::OnBoardRequest {
        oui, product_class, serial_number, agent_supported_protocol_versions,
    };
    NotifyResp = theirs::NotifyResp { subscription_id };

    Register = theirs::Register { allow_partial, reg_paths };
    RegistrationPath = theirs::mod_Register::RegistrationPath { path };
    RegisterResp = theirs::RegisterResp { registered_path_results };
    RegisteredPathResult = theirs::mod_RegisterResp::RegisteredPathResult { requested_path, oper_status };
    RegisterRespOperationStatus = theirs::mod_RegisterResp::mod_RegisteredPathResult::OperationStatus { oper_status };
    RegisterRespOperationFailure = theirs::mod_RegisterResp::mod_RegisteredPathResult::mod_OperationStatus::OperationFailure {
        err_code, err_msg,
    };
    RegisterRespOperationSuccess = theirs::mod_RegisterResp::mod_RegisteredPathResult::mod_OperationStatus::OperationSuccess {
        registered_path,
    };
    Deregister = theirs::Deregister { paths };
    DeregisterResp = theirs::DeregisterResp { deregistered_path_results };
    DeregisteredPathResult = theirs::mod_DeregisterResp::DeregisteredPathResult { requested_path, oper_status };
    DeregisterRespOperationStatus = theirs::mod_DeregisterResp::mod_DeregisteredPathResult::OperationStatus { oper_status };
    DeregisterRespOperationFailure =
        theirs::mod_DeregisterResp::mod_DeregisteredPathResult::mod_OperationStatus::OperationFailure { err_code, err_msg };
    DeregisterRespOperationSuccess =
        theirs::mod_DeregisterResp::mod_DeregisteredPathResult::mod_OperationStatus::OperationSuccess { deregistered_path };

    Record = their_record::Record {
        version, to_id, from_id, payload_security(PayloadSecurity), mac_signature, sender_cert, record_type,
    };
    NoSessionContextRecord = their_record::NoSessionContextRecord { payload };
    SessionContextRecord = their_record::SessionContextRecord {
        session_id, sequence_id, expected_id, retransmit_id, payload_sar_state(PayloadSarState),
        payloadrec_sar_state(PayloadSarState), payload,
    };
    WebSocketConnectRecord = their_record::WebSocketConnectRecord {};
    MqttConnectRecord = their_record::MQTTConnectRecord { version(MqttVersion), subscribed_topic };
    StompConnectRecord = their_record::STOMPConnectRecord { version(StompVersion), subscribed_destination };
    UdsConnectRecord = their_record::UDSConnectRecord {};
    DisconnectRecord = their_record::DisconnectRecord { reason, reason_code };
}
